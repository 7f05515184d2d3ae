"""Losses that compare how the rows of a batch lie to each other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import mse_loss, smooth_l1_loss

from skdistill.neural.matching._base import Matching, wrong_numbers
from skdistill.neural.matching._geometry import (
    affinities,
    as_vectors,
    cosines_of_angles,
    distances,
    divided,
    inner_products,
    unit_rows,
)
from skdistill.targets import PROBABILITY_FLOOR


class _Relation(Matching):
    """Base of what compares how the rows of a batch lie to each other."""

    _least_rows = 2

    def _compare(self, student, teacher, projection):
        return self._relate(as_vectors(student), as_vectors(teacher))

    def _relate(self, student: Tensor, teacher: Tensor) -> Tensor:
        raise NotImplementedError


class RelationalKD(_Relation):
    r"""Distances of pairs and angles of triples (RKD, Park et al., 2019).

    .. math::

        \lambda_d \, \overline{\ell(d_{ij} / \bar d, \; d'_{ij} / \bar d')}
        + \lambda_a \, \overline{\ell(\cos_{ijk}, \; \cos'_{ijk})}

    with the Huber loss :math:`\ell`, averaged over pairs and triples of different rows.
    Neither scale, rotation nor translation of either side matters. Rows in the same
    place make no angle; such triples are left out.

    Leaves of a forest have the distance :math:`\sqrt{2 - 2 P}`, where P is the
    proximity, and the angles that go with it. For a batch of n rows and layers of d
    features angles take memory of order n² (n + d); with ``angle=0`` they are not
    computed.

    Parameters
    ----------
    student_layer : str
        Name of the student's layer.
    teacher_layer : str, transformer or callable
        What represents rows on the teacher's side; "leaves" for a forest.
    distance : float, default=1.0
        :math:`\lambda_d`, weight of the distances.
    angle : float, default=2.0
        :math:`\lambda_a`, weight of the angles. The authors' code has 25 and 50.
    weight : float, default=1.0
        Weight of both against the loss on the answers.

    References
    ----------
    .. [1] Park, Kim, Lu and Cho, "Relational knowledge distillation", CVPR 2019,
       arXiv:1904.05068.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.matching import RelationalKD
    >>> rows = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> RelationalKD("hidden", "hidden").loss(rows, 2 * rows + 1).item()
    0.0
    >>> leaves = torch.tensor([[1, 5], [1, 4], [2, 5]])  # 3 rows, 2 trees
    >>> round(RelationalKD("hidden", "leaves").loss(rows, leaves).item(), 6)
    0.0
    """

    def __init__(
        self, student_layer, teacher_layer, distance=1.0, angle=2.0, weight=1.0
    ):
        super().__init__(student_layer, teacher_layer, weight)
        self.distance = distance
        self.angle = angle

    def _wrong(self):
        wrong = super()._wrong() + wrong_numbers(self, ("distance", "angle"))
        if not wrong and not self.distance and not self.angle:
            wrong.append("distance=0 and angle=0 leave nothing; set one above 0")
        return wrong

    def _relate(self, student, teacher):
        ours, theirs = distances(student), distances(teacher).to(student.dtype)
        loss = student.sum() * 0.0
        if self.distance:
            loss = loss + self.distance * _distance_loss(ours, theirs)
        if self.angle:
            loss = loss + self.angle * _angle_loss(student, teacher, ours, theirs)
        return loss


def _distance_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    n_pairs = len(ours) * (len(ours) - 1)
    ours, theirs = (divided(each, each.sum() / n_pairs) for each in (ours, theirs))
    return smooth_l1_loss(ours, theirs, reduction="sum") / n_pairs


def _angle_loss(
    student: Tensor, teacher: Tensor, ours: Tensor, theirs: Tensor
) -> Tensor:
    """Mean over the triples of which both sides know the angle."""
    apart = (ours > 0) & (theirs > 0)
    cosines = cosines_of_angles(student, torch.where(apart, ours, 0.0))
    wanted = cosines_of_angles(teacher, torch.where(apart, theirs, 0.0))
    arms = apart.sum(dim=1)
    n_triples = (arms * (arms - 1)).sum().clamp_min(1)
    return smooth_l1_loss(cosines, wanted, reduction="sum") / n_triples


class SimilarityPreserving(_Relation):
    r"""Difference of the rows' similarity matrices (SP, Tung and Mori, 2019).

    .. math::

        \frac{1}{b^2} \| \tilde G - \tilde G' \|_F^2

    where G holds the inner products of a batch's b rows and the tilde scales each of
    its rows to length 1. Of leaves of a forest, G is the proximity.

    Parameters
    ----------
    student_layer : str
        Name of the student's layer.
    teacher_layer : str, transformer or callable
        What represents rows on the teacher's side; "leaves" for a forest.
    weight : float, default=1.0
        Weight against the loss on the answers. The authors' code has 3000, for long
        training of deep networks on images; a small network on a table cannot both
        follow that and say what the teacher says.

    References
    ----------
    .. [1] Tung and Mori, "Similarity-preserving knowledge distillation", ICCV 2019,
       arXiv:1907.09682.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.matching import SimilarityPreserving
    >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> matching = SimilarityPreserving("hidden", "leaves")
    >>> matching.loss(rows, torch.tensor([[1, 4], [2, 5]])).item()  # never together
    0.0
    """

    def __init__(self, student_layer, teacher_layer, weight=1.0):
        super().__init__(student_layer, teacher_layer, weight)

    def _relate(self, student, teacher):
        ours, theirs = (unit_rows(inner_products(e)) for e in (student, teacher))
        return mse_loss(ours, theirs.to(ours.dtype))


class ProbabilisticTransfer(_Relation):
    r"""Divergence of the rows' neighbourhoods (PKT, Passalis and Tefas, 2018).

    .. math::

        \frac{1}{b} \sum_i \sum_{j \ne i} p_{j|i} \log \frac{p_{j|i}}{q_{j|i}}, \qquad
        p_{j|i} = \frac{K_{ij}}{\sum_{k \ne i} K_{ik}}

    p is the teacher's, q the student's. The kernel K of vectors is
    ``(cosine + 1) / 2``; of leaves of a forest it is the proximity.
    :data:`skdistill.targets.PROBABILITY_FLOOR` is added to K, so that no q is 0. (The
    paper sums over the rows; the mean does not grow with the batch.)

    Parameters
    ----------
    student_layer : str
        Name of the student's layer.
    teacher_layer : str, transformer or callable
        What represents rows on the teacher's side; "leaves" for a forest.
    weight : float, default=1.0
        Weight against the loss on the answers. The paper has no other loss. Rows seldom
        differ by much in K, so the loss is small, about 0.01.

    References
    ----------
    .. [1] Passalis and Tefas, "Learning deep representations with probabilistic
       knowledge transfer", ECCV 2018, arXiv:1803.10837.

    Examples
    --------
    >>> import torch
    >>> from skdistill.neural.matching import ProbabilisticTransfer
    >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> matching = ProbabilisticTransfer("hidden", "hidden")
    >>> round(matching.loss(rows, 5 * rows).item(), 6)
    0.0
    >>> matching.loss(rows, rows[[1, 0, 2]]).item() > 0
    True
    """

    def __init__(self, student_layer, teacher_layer, weight=1.0):
        super().__init__(student_layer, teacher_layer, weight)

    def _relate(self, student, teacher):
        ours, theirs = _neighbourhoods(student), _neighbourhoods(teacher)
        theirs = theirs.to(ours.dtype)
        return (theirs.exp() * (theirs - ours)).sum(dim=1).mean()


def _neighbourhoods(rows: Tensor) -> Tensor:
    """Log-probability of the other rows as neighbours; (n_rows, n_rows - 1)."""
    n_rows = len(rows)
    kernel = affinities(rows) + PROBABILITY_FLOOR
    # Dropping the first entry leaves rows of which the last one is on the diagonal.
    others = kernel.flatten()[1:].reshape(n_rows - 1, n_rows + 1)[:, :-1]
    others = others.reshape(n_rows, n_rows - 1)
    return others.log() - others.sum(dim=1, keepdim=True).log()
