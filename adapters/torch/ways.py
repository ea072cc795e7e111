"""The ways of calling what PyTorch differentiates, and how the arrays lie that it is called on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from ..framework import as_tuple
from ..lazy import Lazy

torch: Any = Lazy("torch")


def value_and_jvp(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
    shown: set[tuple[str, bool]],
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs of ``function``, and by forward mode what its gradients are, None where it gives no tangent."""
    outputs = as_tuple(function(**inputs))
    forward = torch.autograd.forward_ad

    def along(name: str, tangent: Any) -> Sequence[Any]:
        with forward.dual_level():
            dual = forward.make_dual(inputs[name], tangent)
            returned = as_tuple(function(**{**inputs, name: dual}))[: len(cotangents or ())]
            tangents = [forward.unpack_dual(y).tangent for y in returned]
        shown.add(("forward", any(t is not None for t in tangents)))
        return tangents

    if cotangents is None:
        return outputs, ()
    return outputs, tuple(by_tangents(inputs[name], partial(along, name), cotangents) for name in wrt)


def value_and_twice(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
    shown: set[tuple[str, bool]],
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs of ``function``, and by double backward what its gradients are, None where it gives none.

    The gradient is linear in the cotangent: differentiated in it once more, it gives the jvp.
    """
    given = [one.detach().clone().requires_grad_() for one in cotangents or ()]
    leaves = {
        n: None if x is None else x.detach().clone().requires_grad_(n in wrt) for n, x in inputs.items()
    }
    outputs = as_tuple(function(**leaves))
    if cotangents is None:
        return outputs, ()
    gradients = torch.autograd.grad(
        outputs[: len(given)], [leaves[n] for n in wrt], given, create_graph=True, allow_unused=True
    )

    def along(gradient: Any, tangent: Any) -> Sequence[Any]:
        if gradient is None:
            return [None] * len(given)
        found: Sequence[Any] = [None] * len(given)
        if gradient.requires_grad:
            found = torch.autograd.grad(gradient, given, tangent, retain_graph=True, allow_unused=True)
        shown.add(("double_backward", any(t is not None for t in found)))
        return [torch.zeros_like(c) if t is None else t for c, t in zip(given, found, strict=True)]

    found = (
        by_tangents(inputs[n], partial(along, g), cotangents) for n, g in zip(wrt, gradients, strict=True)
    )
    return outputs, tuple(found)


def value_and_each(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
    shown: set[tuple[str, bool]],
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs of ``function``, and gradients, each of a call for which no other is wanted."""
    if cotangents is None or not wrt:
        return as_tuple(function(**inputs)), ()

    def alone(name: str) -> tuple[tuple[Any, ...], Any]:
        given: dict[str, Any] = {n: None if x is None else x.detach().clone() for n, x in inputs.items()}
        given[name].requires_grad_()
        with torch.random.fork_rng():  # what is drawn is drawn again
            outputs = as_tuple(function(**given))
        wanted = [n for n, x in given.items() if x is not None and x.requires_grad]
        shown.add(("alone", wanted == [name] and len(wrt) > 1))
        pairs = [(y, c) for y, c in zip(outputs, cotangents or (), strict=False) if y.requires_grad]
        if not pairs:
            return outputs, None
        reached, along = zip(*pairs, strict=True)
        return outputs, torch.autograd.grad(reached, [given[name]], along, allow_unused=True)[0]

    found = [alone(name) for name in wrt]
    return found[0][0], tuple(gradient for _, gradient in found)


def by_tangents(x: Any, along: Callable[[Any], Sequence[Any]], cotangents: Sequence[Any]) -> Any:
    """The gradient in ``x`` by what ``along`` gives for a tangent along each of its elements in turn.

    <cotangent, jvp> = <vjp, tangent>. None where there is no tangent of any output.
    """
    tangent = torch.zeros_like(x)
    places = tangent.view(-1)
    found = torch.zeros(places.shape, dtype=torch.float64, device=x.device)
    met = False
    for place in range(len(places)):
        places[place] = 1
        pairs = zip(cotangents, along(tangent), strict=True)
        products = [(c.double() * t.double()).sum() for c, t in pairs if t is not None]
        found[place], met = sum(products), met or bool(products)
        places[place] = 0
    return found.reshape(x.shape).to(x.dtype) if met or not len(places) else None


def over_samples(call: Callable[..., Any], shown: set[tuple[str, bool]]) -> Callable[..., Any]:
    """The call under ``torch.vmap`` over two samples, of which the second holds zeros and is dropped."""

    def both(**inputs: Any) -> Any:
        given = {name: value for name, value in inputs.items() if value is not None}
        absent = dict.fromkeys(inputs.keys() - given.keys())

        def one(sample: Mapping[str, Any]) -> Any:
            batched = [torch._C._functorch.is_batchedtensor(value) for value in sample.values()]
            shown.add(("vmap", all(batched)))
            return as_tuple(call(**sample, **absent))

        pairs = {
            name: torch.stack((value, torch.zeros_like(value) if value.is_floating_point() else value))
            for name, value in given.items()
        }
        return tuple(output[0] for output in torch.vmap(one, randomness="same")(pairs))

    return both


def laid_channels_last(call: Callable[..., Any], shown: set[tuple[str, bool]]) -> Callable[..., Any]:
    """The call on arrays of four and five axes whose second axis lies last in memory."""

    def run(**inputs: Any) -> Any:
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        given = {n: x for n, x in inputs.items() if x is not None and x.dim() in formats}
        laid = {n: x.contiguous(memory_format=formats[x.dim()]) for n, x in given.items()}
        shown.add(("channels_last", any(not x.is_contiguous() for x in laid.values())))
        return call(**{**inputs, **laid})

    return run


def laid_apart(call: Callable[..., Any], shown: set[tuple[str, bool]]) -> Callable[..., Any]:
    """The call on views of memory that belongs to nobody between their elements."""

    def run(**inputs: Any) -> Any:
        laid = {n: None if x is None else apart(x) for n, x in inputs.items()}
        shown.add(("strided", any(x is not None and not x.is_contiguous() for x in laid.values())))
        return call(**laid)

    return run


def apart(x: Any) -> Any:
    """The array as every other element of memory, its axes in the opposite order there.

    Between them, and before the first, lie NaN, the largest whole number or the other truth value.
    """
    axes = tuple(reversed(range(x.dim())))
    turned = x.permute(axes)
    if x.dtype is torch.bool:
        gaps = ~turned
    elif x.is_floating_point():
        gaps = torch.full_like(turned, torch.nan)
    else:
        gaps = torch.full_like(turned, torch.iinfo(x.dtype).max)
    return torch.stack((gaps, turned), dim=-1)[..., 1].permute(axes)


def on_parameters(call: Callable[..., Any], shown: set[tuple[str, bool]]) -> Callable[..., Any]:
    """The call, in which a module is called on parameters and buffers of its own that hold these values."""

    def itself(module: Any, weights: Mapping[str, Any], inputs: Any) -> Any:
        own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        known = {name: own[name].detach().clone() for name in weights}
        with torch.no_grad():
            for name, value in weights.items():
                own[name].copy_(value)
            returned = module(*inputs if isinstance(inputs, tuple) else (inputs,))
            for name, value in weights.items():  # buffers change, and are looked at where they were given
                value.copy_(own[name])
                own[name].copy_(known[name])
        shown.add(("module", all(own[name] is not value for name, value in weights.items())))
        return returned

    def run(**inputs: Any) -> Any:
        functional = torch.func.functional_call
        torch.func.functional_call = itself
        try:
            return call(**inputs)
        finally:
            torch.func.functional_call = functional

    return run


def exported(call: Callable[..., Any], shown: set[tuple[str, bool]]) -> Callable[..., Any]:
    """The program that ``torch.export`` makes of the call."""
    programs: list[Any] = []

    def run(**inputs: Any) -> Any:
        given = {name: value.detach() for name, value in inputs.items() if value is not None}
        absent = dict.fromkeys(inputs.keys() - given.keys())

        class Call(torch.nn.Module):  # type: ignore[misc]
            def forward(self, sample: Mapping[str, Any]) -> Any:
                return as_tuple(call(**sample, **absent))

        if not programs:
            programs.append(torch.export.export(Call(), (given,)))
        shown.add(("exported", bool(programs[0].graph.nodes)))
        return programs[0].module()(given)

    return run


AUTOCAST = {"autocast": "bfloat16", "autocast_float16": "float16"}
"""The paths of autocast, and the dtype that each casts to."""


def under_autocast(call: Callable[..., Any], mode: str, shown: set[tuple[str, bool]]) -> Callable[..., Any]:
    """The call on float32 under autocast to a half type; inputs are widened, outputs rounded."""

    def run(**inputs: Any) -> Any:
        narrow, cast = getattr(torch, AUTOCAST[mode]), []

        class Casts(torch.utils._python_dispatch.TorchDispatchMode):  # type: ignore[misc]
            def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                found = op(*args, **(kwargs or {}))
                cast.append(getattr(found, "dtype", None) is narrow)
                return found

        wide = {n: x.float() if x is not None and x.dtype is narrow else x for n, x in inputs.items()}
        kind = next(x.device.type for x in wide.values() if x is not None)
        with Casts(), torch.autocast(kind, dtype=narrow):
            outputs = as_tuple(call(**wide))
        shown.add((mode, any(cast)))
        return tuple(y.to(narrow) if y.is_floating_point() else y for y in outputs)

    return run
