"""Further rows that only the teacher labels, made of the rows there are.

===================  ===============================================================
generator            where the cells of a new row come from
===================  ===============================================================
`Munge`              the nearest other row; numbers are drawn around it
`CoLeaf`             a row in the same leaf of a tree of a random forest
`SmoothedBootstrap`  the row itself; numbers get noise
`Spunge`             any row: the control
`Constrained`        another generator, whose rows are drawn again until they are
                     possible
===================  ===============================================================

Each is fitted on X and sampled from, as `KernelDensity` and `GaussianMixture` of
scikit-learn are; those serve where all columns are numbers. Ours take columns of any
type and give back the container, columns, dtypes and categories of X.
"""

from skdistill.transfer._base import Changes
from skdistill.transfer._bootstrap import SmoothedBootstrap
from skdistill.transfer._coleaf import CoLeaf
from skdistill.transfer._constrained import Constrained
from skdistill.transfer._drawing import check_generator, draw, sample_around
from skdistill.transfer._munge import Munge
from skdistill.transfer._spunge import Spunge

__all__ = [
    "Changes",
    "CoLeaf",
    "Constrained",
    "Munge",
    "SmoothedBootstrap",
    "Spunge",
    "check_generator",
    "draw",
    "sample_around",
]
