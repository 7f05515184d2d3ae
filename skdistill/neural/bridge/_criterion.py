"""A net's own criterion, made to answer with the distillation loss."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from skdistill.neural._modules import two_columns
from skdistill.neural.bridge._disguise import InDisguise
from skdistill.neural.bridge._lesson import Lesson


class SoftCriterion(InDisguise):
    """The mixin: rows of the lesson get its loss, all others the criterion's own.

    Others are those of a validation set that the user brought along
    (``predefined_split``): no teacher spoke about them.
    """

    _lesson: Lesson
    _logits_of: Callable[[Tensor], Tensor]

    def forward(self, output, *args, **kwargs):
        """Compute the loss of a batch, Tensor of shape ()."""
        rows = self._lesson.rows
        if rows is not None:
            first = output[0] if isinstance(output, tuple) else output
            return self._lesson.loss(type(self)._logits_of(first), rows)
        if self.training:
            raise RuntimeError(
                "The net trains on a batch whose rows are unknown, so what the teacher "
                "says of them is too. A net that overrides train_step or get_loss must "
                "pass the batch's own y to get_loss of its base class."
            )
        return super().forward(output, *args, **kwargs)


def logits_reader(net) -> Callable[[Tensor], Tensor]:
    """How to get logits from what the net gives its criterion.

    skorch decides by the criterion too: see `predict_nonlinearity` of its nets.

    Parameters
    ----------
    net : skorch.NeuralNet
        With an initialised criterion.

    Returns
    -------
    callable
        From the criterion's first argument to logits of shape (n_rows, n_classes).

    Raises
    ------
    ValueError
        If the criterion is not a torch module, or has an argument that the
        distillation loss cannot honour, or what the module gives is not known.
    """
    criterion = net.criterion_
    _check_arguments(criterion)
    # What comes to NLLLoss are log-probabilities: skorch's classifier took the log.
    if isinstance(criterion, (nn.CrossEntropyLoss, nn.NLLLoss)):
        return lambda output: output
    if isinstance(criterion, nn.BCEWithLogitsLoss):
        return two_columns
    if isinstance(criterion, nn.BCELoss):
        return lambda output: two_columns(torch.logit(output, eps=_eps(output)))
    if net.predict_nonlinearity == "auto":
        raise ValueError(
            f"criterion={type(criterion).__name__} does not tell whether the module "
            "gives logits or probabilities. Use torch.nn.CrossEntropyLoss (logits), or "
            "set predict_nonlinearity to a function from the module's output to "
            "probabilities (None if it gives probabilities)."
        )
    return lambda output: _log(net._get_predict_nonlinearity()(output))


def class_weight_of(criterion: nn.Module) -> Tensor | None:
    """Get the criterion's weights of the classes, shape (n_classes,), if any."""
    by_class = isinstance(criterion, (nn.CrossEntropyLoss, nn.NLLLoss))
    return criterion.weight if by_class else None


def _log(probabilities: Tensor) -> Tensor:
    return torch.log(probabilities.clamp_min(_eps(probabilities)))


def _eps(tensor: Tensor) -> float:
    return torch.finfo(tensor.dtype).eps


def _check_arguments(criterion) -> None:
    name = type(criterion).__name__
    if not isinstance(criterion, nn.Module):
        raise ValueError(
            f"criterion gives {name}, which is not a torch.nn.Module. Use one, such as "
            "torch.nn.CrossEntropyLoss."
        )
    usual = {"reduction": "mean", "label_smoothing": 0.0, "pos_weight": None}
    if isinstance(criterion, (nn.BCELoss, nn.BCEWithLogitsLoss)):
        usual["weight"] = None
    given = {key: getattr(criterion, key, value) for key, value in usual.items()}
    odd = {key: value for key, value in given.items() if value is not usual[key]}
    odd = {key: value for key, value in odd.items() if value != usual[key]}
    if odd:
        raise ValueError(
            f"{name} of the student was given {odd}, which the distillation loss in "
            "its place cannot honour. Leave these arguments out; weights of classes go "
            "to class_weight or sample_weight, and the teacher smooths the labels."
        )
