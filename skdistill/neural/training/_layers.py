"""Layers of K models at once: forward, and the gradient written out.

A batch is a tensor (K, n_rows, width): row i of model k. Weights of the K models lie
side by side, so a layer of all models is one batched matrix product. Autograd would
cost more than the arithmetic of small networks; these layers say their gradients
themselves, and write them where the optimizer reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skdistill.neural.training._draws import Draws, bits_below

aten = torch.ops.aten


@dataclass
class Arrays:
    """The numbers of K models, by name: each tensor has K in front.

    Parameters
    ----------
    values : dict of str to Tensor of shape (K, ...)
        Parameters and buffers.
    grads : dict of str to Tensor of shape (K, ...)
        Where the gradients of the trained parameters go.
    """

    values: dict[str, Tensor]
    grads: dict[str, Tensor]


class Layer:
    """One step from batch to batch.

    `forward` returns the output and whatever `backward` needs of it; `backward` takes
    the gradient by the output, puts those of parameters in `arrays.grads`, and returns
    the gradient by the input (which nobody needs where ``first`` is true).
    """

    def forward(self, x: Tensor, arrays: Arrays, draws: Sequence[Draws] | None):
        """Compute the output; `draws` (one for each model) only in training."""
        raise NotImplementedError

    def backward(self, grad: Tensor, saved: Any, arrays: Arrays, first: bool):
        """Compute the gradient by the input."""
        raise NotImplementedError

    def infer(self, x: Tensor, arrays: Arrays, *, ours: bool) -> Tensor:
        """Compute the output in use; `ours` says that x may be written over."""
        return self.forward(x, arrays, None)[0]

    def _collect(self, name: str | None, arrays: Arrays) -> Tensor | None:
        return None if name is None else arrays.grads.get(name)


@dataclass
class Linear(Layer):
    """``x @ weight.T + bias``; names of the two in the arrays."""

    weight: str
    bias: str | None

    def forward(self, x, arrays, draws):
        """Multiply."""
        weight = arrays.values[self.weight].mT
        if self.bias is None:
            return torch.bmm(x, weight), x
        return torch.baddbmm(arrays.values[self.bias].unsqueeze(1), x, weight), x

    def backward(self, grad, saved, arrays, first):
        """Multiply back."""
        by_weight = self._collect(self.weight, arrays)
        if by_weight is not None:
            torch.bmm(grad.mT, saved, out=by_weight)
        by_bias = self._collect(self.bias, arrays)
        if by_bias is not None:
            torch.sum(grad, dim=1, out=by_bias)
        return None if first else torch.bmm(grad, arrays.values[self.weight])


@dataclass
class Activation(Layer):
    """An elementwise function, and its gradient from what it was given or gave."""

    function: Callable[[Tensor], Tensor]
    #: (gradient, input, output) -> gradient by the input.
    gradient: Callable[[Tensor, Tensor, Tensor], Tensor]
    in_place: Callable[[Tensor], Tensor] | None = None

    def forward(self, x, arrays, draws):
        """Apply."""
        y = self.function(x)
        return y, (x, y)

    def infer(self, x, arrays, *, ours):
        """Apply; fresh memory for each layer costs more than the function."""
        in_place = self.in_place if ours else None
        return (in_place or self.function)(x)

    def backward(self, grad, saved, arrays, first):
        """Apply the derivative."""
        return None if first else self.gradient(grad, *saved)


@dataclass
class Dropout(Layer):
    """Units set to 0 with probability `rate`, the others scaled up."""

    rate: float

    def forward(self, x, arrays, draws):
        """Drop, in training."""
        if draws is None or self.rate == 0.0:
            return x, None
        if self.rate == 1.0:
            return x * 0.0, torch.zeros_like(x)
        bits = torch.stack([draw.bits(x[0].numel()) for draw in draws])
        bits = bits.view(x.shape).to(x.device)
        # Compared and cast in one pass.
        factor = torch.ge(bits, bits_below(self.rate), out=torch.empty_like(x))
        factor.mul_(1.0 / (1.0 - self.rate))
        return x * factor, factor

    def backward(self, grad, saved, arrays, first):
        """Drop the same."""
        return grad if saved is None or first else grad * saved


@dataclass
class Normalization(Layer):
    """Layer normalisation (over units), or batch normalisation (over rows).

    Names of scale and shift (None: there is none) and, of batch normalisation that
    keeps running statistics, of these.
    """

    dim: int
    eps: float
    weight: str | None
    bias: str | None
    running_mean: str | None = None
    running_var: str | None = None
    tracked: str | None = None
    momentum: float | None = 0.1

    def forward(self, x, arrays, draws):
        """Normalise by the statistics of the batch, or (in use) by the running ones."""
        values = arrays.values
        if draws is None and self.running_mean is not None:
            mean = values[self.running_mean].unsqueeze(1)
            var = values[self.running_var].unsqueeze(1)
        else:
            if draws is not None and x.shape[self.dim] == 1:
                raise ValueError(
                    "Normalisation over a single number says nothing: BatchNorm needs "
                    "batches of two rows or more (see batch_size), LayerNorm two units."
                )
            var, mean = torch.var_mean(x, dim=self.dim, correction=0, keepdim=True)
            if draws is not None and self.running_mean is not None:
                self._track(mean.squeeze(1), var.squeeze(1), x.shape[1], values)
        rate = torch.rsqrt(var + self.eps)
        normal = (x - mean) * rate
        y = normal
        if self.weight is not None:
            y = y * values[self.weight].unsqueeze(1)
        if self.bias is not None:
            y = y + values[self.bias].unsqueeze(1)
        return y, (normal, rate)

    def _track(self, mean: Tensor, var: Tensor, n_rows: int, values) -> None:
        values[self.tracked].add_(1)
        share: Any = self.momentum
        if share is None:  # a plain average over all batches
            share = 1.0 / values[self.tracked].unsqueeze(1).to(mean.dtype)
        unbiased = var * (n_rows / max(n_rows - 1, 1))
        for name, now in ((self.running_mean, mean), (self.running_var, unbiased)):
            values[name].add_(share * (now - values[name]))

    def backward(self, grad, saved, arrays, first):
        """Differentiate through the statistics of the batch."""
        normal, rate = saved
        by_weight = self._collect(self.weight, arrays)
        if by_weight is not None:
            torch.sum(grad * normal, dim=1, out=by_weight)
        by_bias = self._collect(self.bias, arrays)
        if by_bias is not None:
            torch.sum(grad, dim=1, out=by_bias)
        if first:
            return None
        if self.weight is not None:
            grad = grad * arrays.values[self.weight].unsqueeze(1)
        along = (grad * normal).mean(self.dim, keepdim=True)
        return rate * (grad - grad.mean(self.dim, keepdim=True) - normal * along)


class Flatten(Layer):
    """Rows of any shape as rows of numbers."""

    def forward(self, x, arrays, draws):
        """Flatten all but models and rows."""
        return x.flatten(2), x.shape

    def backward(self, grad, saved, arrays, first):
        """Shape back."""
        return grad.view(saved)


@dataclass
class Fixed(Layer):
    """A module without trained parameters, at the beginning: nothing flows through it.

    Its buffers, by their own names, are found in the arrays under a prefix.
    """

    module: torch.nn.Module
    prefix: str

    def forward(self, x, arrays, draws):
        """Call the module for each model, with that model's buffers."""
        buffers = {
            name: arrays.values[f"{self.prefix}{name}"]
            for name, _ in self.module.named_buffers()
        }
        call = torch.func.vmap(
            lambda own, rows: torch.func.functional_call(self.module, own, (rows,))
        )
        return call(buffers, x), None

    def backward(self, grad, saved, arrays, first):
        """Nothing is left to do."""
        return None
