"""K models of one architecture, side by side.

A stack takes a batch (K, n_rows, ...), gives logits (K, n_rows, n_classes), and takes
the gradient by these. There are three: a chain of layers as batched matrix products;
any other module under `torch.func.vmap`; and one module alone, as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from skdistill.neural._modules import two_columns
from skdistill.neural.training._chain import read_chain
from skdistill.neural.training._draws import Draws
from skdistill.neural.training._keyed import layer_keys, with_keyed_dropout
from skdistill.neural.training._layers import Arrays, Fixed, Flatten, Layer


class Weights:
    """The numbers of K models; those that are trained in one block of memory.

    One block makes the optimizer's step one operation, however many layers there are.

    Parameters
    ----------
    modules : sequence of torch.nn.Module
        Of one architecture; copied.

    Attributes
    ----------
    flat : torch.nn.Parameter of shape (n_numbers,)
        The trained parameters of all models, with a gradient of the same shape.
    arrays : Arrays
        All parameters and buffers by name, those that are trained as views of `flat`.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        parameters = [dict(module.named_parameters()) for module in modules]
        trained = [name for name, p in parameters[0].items() if p.requires_grad]
        self._pack(
            {n: torch.stack([p[n].detach() for p in parameters]) for n in trained}
        )
        fixed = [name for name in parameters[0] if name not in trained]
        for name in fixed:
            self.arrays.values[name] = torch.stack([p[name] for p in parameters])
        buffers = [dict(module.named_buffers()) for module in modules]
        for name in buffers[0]:
            self.arrays.values[name] = torch.stack([b[name] for b in buffers])

    def _pack(self, trained: dict[str, Tensor]) -> None:
        self.flat = nn.Parameter(torch.cat([t.reshape(-1) for t in trained.values()]))
        self.flat.grad = torch.zeros_like(self.flat)
        self.shapes = {name: tensor.shape for name, tensor in trained.items()}
        self.arrays = Arrays(self.views(self.flat.data), self.views(self.flat.grad))

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """See a block, laid out like `flat`, as tensors by name."""
        sizes = [shape.numel() for shape in self.shapes.values()]
        parts = zip(self.shapes.items(), flat.split(sizes), strict=True)
        return {name: part.view(shape) for (name, shape), part in parts}

    def keep(self, models: Tensor) -> None:
        """Go on with some of the models only."""
        values = {name: tensor[models] for name, tensor in self.arrays.values.items()}
        self._pack({name: values.pop(name) for name in self.shapes})
        self.arrays.values.update(values)

    def reordered(self, flat: Tensor, models: Tensor) -> Tensor:
        """Cut some models out of a block laid out like `flat` (before `keep`)."""
        return torch.cat([t[models].reshape(-1) for t in self.views(flat).values()])


class Stack:
    """The interface of the three, and what they share."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.weights = Weights(modules)

    @property
    def module(self) -> nn.Module:
        """The module that is trained, of a stack of one that is called as it is."""
        raise NotImplementedError

    def forward(self, x: Tensor, draws: Sequence[Draws] | None = None) -> Tensor:
        """Logits of a batch; in training with the random draws of each model."""
        raise NotImplementedError

    def backward(self, grad: Tensor, extra: Tensor | None = None) -> None:
        """Set gradients from those by the logits of the last batch in training.

        Parameters
        ----------
        grad : Tensor of shape (K, n_rows, n_classes)
            Of the loss by the logits.
        extra : Tensor of shape (), default=None
            A further loss, of other outputs of the same forward pass.
        """
        raise NotImplementedError

    def keep(self, models: Tensor) -> None:
        """Go on with some of the models only."""
        self.weights.keep(models)

    def state(self) -> dict[str, Tensor]:
        """All numbers by name, K in front; they go on changing."""
        return self.weights.arrays.values

    def snapshot(self) -> dict[str, Tensor]:
        """Copy the state of all models."""
        return {name: tensor.clone() for name, tensor in self.state().items()}


class ChainStack(Stack):
    """A chain of layers; forward and backward are written out."""

    def __init__(self, modules: Sequence[nn.Module], layers: list[Layer]) -> None:
        super().__init__(modules)
        self._layers = layers
        trained = self.weights.shapes
        self._first = min(
            k
            for k, layer in enumerate(layers)
            if any(name in trained for name in names_in(layer))
        )
        self._saved: list = []
        self._single = False

    def forward(self, x, draws=None):
        """Layer after layer."""
        with torch.no_grad():
            x = self._infer(x) if draws is None else self._learn(x, draws)
            self._single = x.shape[-1] == 1
            return torch.cat([torch.zeros_like(x), x], dim=-1) if self._single else x

    def _learn(self, x: Tensor, draws: Sequence[Draws]) -> Tensor:
        self._saved = []
        for layer in self._layers:
            x, needed = layer.forward(x, self.weights.arrays, draws)
            self._saved.append(needed)
        return x

    def _infer(self, x: Tensor) -> Tensor:
        given = x
        for layer in self._layers:
            # A flattened input is still the memory that was given.
            ours = x.data_ptr() != given.data_ptr()
            x = layer.infer(x, self.weights.arrays, ours=ours)
        return x

    def backward(self, grad, extra=None):
        """Layer before layer, down to the first that is trained."""
        if self._single:
            grad = grad[..., 1:].contiguous()
        with torch.no_grad():
            for k in range(len(self._layers) - 1, self._first - 1, -1):
                first = k == self._first
                layer, saved = self._layers[k], self._saved[k]
                grad = layer.backward(grad, saved, self.weights.arrays, first)


class _AutogradStack(Stack):
    """What autograd differentiates: it adds to gradients that lie in the one block."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__(modules)
        self._template, self._keys = with_keyed_dropout(modules[0])
        for name in self._keys:
            device = self.weights.flat.device
            key = torch.zeros(len(modules), dtype=torch.int64, device=device)
            self.weights.arrays.values[name] = key
        self._logits: Tensor | None = None

    def _draw_keys(self, draws: Sequence[Draws]) -> None:
        if not self._keys:
            return
        steps = torch.stack([draw.key() for draw in draws])
        for name, key in zip(
            self._keys, layer_keys(steps, len(self._keys)), strict=True
        ):
            self.weights.arrays.values[name].copy_(key)

    def _leaf(self, name: str) -> Tensor:
        values, grads = self.weights.arrays.values, self.weights.arrays.grads
        leaf = values[name].detach().requires_grad_()
        leaf.grad = grads[name]
        return leaf

    def forward(self, x, draws=None):
        """Logits, remembered with their graph in training."""
        if draws is None:
            self._template.eval()
            with torch.no_grad():
                return self._call(x)
        self._template.train()
        self._draw_keys(draws)
        self._logits = self._call(x)
        return self._logits.detach()

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def backward(self, grad, extra=None):
        """Let autograd do it."""
        self.weights.flat.grad.zero_()
        tensors, grads = [self._logits], [grad]
        if extra is not None:
            tensors, grads = [self._logits, extra], [grad, None]
        torch.autograd.backward(tensors, grads)
        self._logits = None


class VmapStack(_AutogradStack):
    """Any module that `torch.func.vmap` can take."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__(modules)
        self._share()

    def _share(self) -> None:
        self._leaves = {name: self._leaf(name) for name in self.weights.shapes}

    def keep(self, models):
        """Go on with some of the models only."""
        super().keep(models)
        self._share()

    def _call(self, x):
        values = self.weights.arrays.values | self._leaves

        def one(own: dict[str, Tensor], rows: Tensor) -> Tensor:
            return two_columns(functional_call(self._template, own, (rows,)))

        with warnings.catch_warnings():
            # Slow where an operation lacks a batching rule, but right.
            warnings.filterwarnings("ignore", message=".*performance drop.*")
            return vmap(one, randomness="error")(values, x)


class SoloStack(_AutogradStack):
    """One module, called as it is: K is 1."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__(modules)
        for name, parameter in self._template.named_parameters():
            if parameter.requires_grad:
                leaf = self._leaf(name)
                parameter.data, parameter.grad = leaf.data[0], leaf.grad[0]

    @property
    def module(self) -> nn.Module:
        """The module that is trained."""
        return self._template

    def _draw_keys(self, draws):
        super()._draw_keys(draws)
        for name in self._keys:
            key = self.weights.arrays.values[name][0]
            self._template.get_buffer(name).copy_(key)

    def _call(self, x):
        return two_columns(self._template(x[0])).unsqueeze(0)

    def state(self):
        """All numbers; buffers are the module's own, which may replace them."""
        buffers = self._template.named_buffers()
        now = {name: buffer.unsqueeze(0) for name, buffer in buffers}
        return super().state() | now


def names_in(layer: Layer) -> list[str]:
    """Names of the arrays that a layer uses."""
    fields = ("weight", "bias", "running_mean", "running_var", "tracked")
    names = [getattr(layer, field, None) for field in fields]
    if isinstance(layer, Fixed):
        names = [f"{layer.prefix}{name}" for name, _ in layer.module.named_buffers()]
    return [name for name in names if name is not None]


def chain_of(module: nn.Module, row_shape: Sequence[int]) -> list[Layer] | None:
    """Read a module as a chain of layers that takes such rows, if it is one."""
    layers = read_chain(module)
    if layers is None or (len(row_shape) != 1 and not isinstance(layers[0], Flatten)):
        return None
    trained = [p for p in module.parameters() if p.requires_grad]
    known = {name for name, _ in module.named_parameters()}
    known |= {name for name, _ in module.named_buffers()}
    # Weights that two layers share go by the name of the first only.
    if not trained or any(n not in known for layer in layers for n in names_in(layer)):
        return None
    return layers


def takes_vmap(module: nn.Module, x: Tensor) -> bool:
    """Whether a module can be trained under vmap, found by trying.

    Parameters
    ----------
    module : torch.nn.Module
        Not changed.
    x : Tensor of shape (n_rows, ...)
        Some rows.
    """
    try:
        stack = VmapStack([deepcopy(module), deepcopy(module)])
        both = torch.stack([x, x])
        before = stack.snapshot()
        logits = stack.forward(both, [Draws(0), Draws(1)])
        stack.backward(torch.ones_like(logits))
        after = stack.snapshot()
        stateless = all(
            torch.equal(before[n], after[n]) for n in before if n not in stack._keys
        )
        alone = SoloStack([deepcopy(module)]).forward(x.unsqueeze(0))
        together = stack.forward(both)[:1]
    except Exception:  # a batching rule is missing, a branch on data, randomness, ...
        return False
    return stateless and torch.allclose(alone, together, rtol=1e-3, atol=1e-4)


def check_one_dtype(module: nn.Module) -> None:
    """Raise unless all trained parameters of a module have one dtype and device."""
    kinds = {(p.dtype, p.device) for p in module.parameters() if p.requires_grad}
    if len(kinds) > 1:
        shown = sorted(f"{dtype} on {device}" for dtype, device in kinds)
        raise ValueError(
            f"The parameters of {type(module).__name__} are of several kinds: "
            f"{', '.join(shown)}. Bring them to one, for example by module.float()."
        )


def build_stack(modules: Sequence[nn.Module], row_shape: tuple) -> Stack:
    """Put modules of one architecture side by side, in the fastest way."""
    check_one_dtype(modules[0])
    layers = chain_of(modules[0], row_shape)
    if layers is not None:
        return ChainStack(modules, layers)
    return SoloStack(modules) if len(modules) == 1 else VmapStack(modules)
