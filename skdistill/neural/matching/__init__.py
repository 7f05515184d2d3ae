"""What a student misses of its teacher's representations, beside the answers.

Two families: a hint or a map of attention compares the two sides row by row; relations
compare how rows lie to each other, so neither widths nor kinds need to agree, and the
leaves of a forest can teach a network.
"""

from skdistill.neural.matching._base import Matching
from skdistill.neural.matching._hints import AttentionTransfer, Hint
from skdistill.neural.matching._pairwise import (
    ProbabilisticTransfer,
    RelationalKD,
    SimilarityPreserving,
)

__all__ = [
    "AttentionTransfer",
    "Hint",
    "Matching",
    "ProbabilisticTransfer",
    "RelationalKD",
    "SimilarityPreserving",
]
