"""How PyTorch is driven: devices, exact bits in and out, reverse mode."""

from __future__ import annotations

import contextlib
import os
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path as File
from typing import Any, ClassVar

from ..binding import binder
from ..environment import TORCH
from ..framework import Framework, NotInForce, Returned, Runner, Unavailable, Wire, as_tuple, cache_folder
from ..lazy import Lazy
from ..path import Path

torch: Any = Lazy("torch")
F: Any = Lazy("torch.nn.functional")
binds = binder("torch")


def load(wire: Wire, device: str) -> Any:
    """Tensor with these bits."""
    name, shape, data = wire
    dtype = getattr(torch, name)
    flat = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
    return flat.reshape(shape).to(device)


def unload(tensor: Any) -> Wire:
    """The bits of a tensor."""
    host = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)  # of one element, too
    return (
        str(host.dtype).removeprefix("torch."),
        tuple(host.shape),
        host.reshape(-1).view(torch.uint8).numpy().tobytes(),
    )


def value_and_vjp(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs of ``function``, and gradients in the inputs named by ``wrt``, None where it has none."""
    leaves = {
        name: None if value is None else value.detach().clone().requires_grad_(name in wrt)
        for name, value in inputs.items()
    }
    outputs = as_tuple(function(**leaves))
    if cotangents is None:
        return outputs, ()
    gradients = torch.autograd.grad(
        outputs[: len(cotangents)], [leaves[name] for name in wrt], cotangents, allow_unused=True
    )
    return outputs, gradients


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
        return value_and_vjp(function, inputs, wrt, cotangents)

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


def construct(build: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """What ``build`` makes; a module takes the device and the dtype of the floating-point inputs.

    A module of Keras has the dtypes of its policy.
    """
    built = build(**given)
    if isinstance(built, torch.nn.Module):
        for tensor in (value for value in given.values() if isinstance(value, torch.Tensor)):
            takes_dtype = tensor.is_floating_point() and not hasattr(built, "dtype_policy")
            built.to(tensor if takes_dtype else tensor.device)
    return built


def seed(number: int, built: Any) -> None:
    """Start PyTorch's generators anew, from which functions and modules draw."""
    torch.manual_seed(number)


def prepare(
    function: Callable[..., Any], parameters: Mapping[str, Any], wrt: Sequence[str], mode: str
) -> Runner:
    """Run eagerly or by another path; what it shows of itself while it runs is kept in ``shown``."""

    def call(**inputs: Any) -> Any:
        return function(**inputs, **parameters)

    shown: set[tuple[str, bool]] = set()
    if mode == "compiled":
        call = compiled(call)
    elif mode == "exported":
        call = exported(call, shown)
    elif mode == "vmap":
        call = over_samples(call, shown)
    elif mode in AUTOCAST:
        call = under_autocast(call, mode, shown)
    elif mode == "channels_last":
        call = laid_channels_last(call, shown)
    elif mode == "strided":
        call = laid_apart(call, shown)
    elif mode == "module":
        call = on_parameters(call, shown)

    def run(inputs: Mapping[str, Any], cotangents: Sequence[Any] | None) -> Returned:
        if mode == "strided" and cotangents is not None:
            cotangents = [apart(c) for c in cotangents]
        with surroundings(mode):
            if mode == "forward":
                returned = value_and_jvp(call, inputs, wrt, cotangents, shown)
            elif mode == "double_backward":
                returned = value_and_twice(call, inputs, wrt, cotangents, shown)
            elif mode == "alone":
                returned = value_and_each(call, inputs, wrt, cotangents, shown)
            else:
                returned = value_and_vjp(call, inputs, wrt, cotangents)
            shown.update(settings().items())
        return returned

    run.shown = shown  # type: ignore[attr-defined]  # where the proof looks
    return run


def compiled(call: Callable[..., Any]) -> Callable[..., Any]:
    """The call as one graph for one configuration.

    Dynamo keeps what it compiles with the code, and gives up on code that it met too often: it is copied.
    """
    own = types.FunctionType(call.__code__.replace(), globals(), "call", None, call.__closure__)
    return torch.compile(own, dynamic=False, fullgraph=True)  # type: ignore[no-any-return]


def surroundings(mode: str) -> Any:
    """The context that a call runs in."""
    if mode == "no_grad":
        return torch.no_grad()
    if mode == "inference_mode":
        return torch.inference_mode()
    if mode == "onednn_off":
        return torch.backends.mkldnn.flags(enabled=False)
    if mode == "threads":
        return threads(4)
    return deterministic() if mode == "deterministic" else contextlib.nullcontext()


def settings() -> dict[str, bool]:
    """Which of the contexts is in force."""
    return {
        "no_grad": not torch.is_grad_enabled(),
        "inference_mode": torch.is_inference_mode_enabled(),
        "onednn_off": not torch.backends.mkldnn.enabled,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads() > 1,
    }


def threads(number: int) -> Any:
    """So many threads inside operations."""
    within = contextlib.ExitStack()
    within.callback(torch.set_num_threads, torch.get_num_threads())
    torch.set_num_threads(number)
    return within


def deterministic() -> Any:
    """Algorithms that are deterministic, and an error where there is none."""
    within = contextlib.ExitStack()
    within.callback(torch.use_deterministic_algorithms, False)
    torch.use_deterministic_algorithms(True)
    return within


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


def refusal(error: Any) -> NotInForce:
    """Why Dynamo cannot compile a call whole, and where it breaks: inside PyTorch, or in the binding."""
    reason = " ".join(str(error).partition("\n  Hint:")[0].partition("\n\n")[0].split())
    frames = list(getattr(error, "real_stack", None) or ())
    own = [f for f in frames if File(f.filename).is_relative_to(File(torch.__file__).parent)]
    if own and own[-1] is frames[-1]:
        return NotInForce(f"PyTorch cannot compile its own {own[-1].name}: {reason}", unsupported=False)
    return NotInForce(f"the call cannot be compiled whole: {reason}", unsupported=True)


def proof(outputs: Sequence[Any], differentiated: bool) -> str:
    """What shows in Dynamo's counters that one call was compiled whole, and its gradient with it."""
    counters = torch._dynamo.utils.counters
    graphs, breaks = counters["stats"]["unique_graphs"], sum(counters["graph_break"].values())
    if graphs != 1 or breaks:
        raise NotInForce(f"PyTorch compiled {graphs} graphs, with {breaks} breaks", unsupported=False)
    if differentiated and not any(map(is_compiled, outputs)):
        raise NotInForce("PyTorch ran the gradient without compiling it", unsupported=False)
    return "one graph, with its gradient" if differentiated else "one graph"


def is_compiled(output: Any) -> bool:
    """Whether an output came out of a compiled function, as autograd sees it."""
    nodes = [output.grad_fn]
    for node in nodes:  # which grows
        if node is not None:
            if node.name() == "CompiledFunctionBackward":
                return True
            nodes += [parent for parent, _ in node.next_functions]
    return False


REFUSALS = {
    "forward": re.compile(r"Trying to use forward AD with \w+ that does not support it"),
    "double_backward": re.compile(r"(the )?derivative for \S+ is not implemented"),
    "deterministic": re.compile(r".* does not have a deterministic implementation"),
    "vmap": re.compile(r"vmap: [^.]*|Batching rule not implemented for [\w:.]+\w|[^\n]*data-dependent[^\n]*"),
}
"""How PyTorch says that a path has no such thing."""

ANYWHERE = (*AUTOCAST, "module", "forward", "double_backward", "alone", "channels_last", "strided")
"""Paths of which a call need not have anything: no operation that is cast, no parameter, no image."""


class Adapter(Framework):
    """PyTorch on one device."""

    paths = (
        Path("eager", "operation by operation"),
        Path(
            "compiled",
            "torch.compile, fullgraph",
            "Dynamo made one graph, with its gradient",
            since={"torch": "2.1"},
        ),
        Path("no_grad", "inside torch.no_grad", "gradients are disabled", differentiates=False),
        Path(
            "inference_mode",
            "inside torch.inference_mode",
            "inference mode is enabled",
            differentiates=False,
        ),
        Path(
            "exported",
            "the program that torch.export makes",
            "its graph holds the call",
            differentiates=False,
            since={"torch": "2.2"},
        ),
        Path(
            "vmap",
            "torch.vmap over two samples",
            "the call was given batched tensors",
            since={"torch": "2.0"},
        ),
        Path(
            "autocast",
            "float32 under torch.autocast to bfloat16",
            "an operation was cast to bfloat16",
            dtypes=("bfloat16",),
        ),
        Path(
            "autocast_float16",
            "float32 under torch.autocast to float16",
            "an operation was cast to float16",
            dtypes=("float16",),
        ),
        Path("deterministic", "torch.use_deterministic_algorithms", "the switch is on"),
        Path("onednn_off", "without oneDNN", "the switch is off"),
        Path(
            "module",
            "the module itself, on its own parameters",
            "no array that was given is a parameter",
            differentiates=False,
            apis=("torch.nn.[A-Z]*", "torch.nn.utils.*"),
            since={"torch": "2.0"},
        ),
        Path(
            "forward",
            "forward mode, along each element of an input",
            "an output has a tangent",
            dtypes=("float64", "float32"),
            special=False,
        ),
        Path(
            "double_backward",
            "the gradient's own gradient in the cotangent, along each element of an input",
            "the gradient depends on the cotangent",
            dtypes=("float64", "float32"),
            special=False,
        ),
        Path(
            "alone",
            "called again for each gradient, no other array requiring one",
            "one array of several required a gradient",
        ),
        Path(
            "channels_last",
            "on arrays whose second axis lies last in memory",
            "an array of four or five axes lies so",
        ),
        Path(
            "strided",
            "on views: every other element of memory, axes in the opposite order, NaN between",
            "an array that was given is no block of memory",
        ),
        Path("threads", "with four threads", "PyTorch has more threads than one"),
    )
    distributions = ("torch",)
    oldest: ClassVar = {"torch": "1.12"}
    environment = TORCH

    def start(self) -> None:
        """Import torch; refuse CUDA where there is none."""
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache_folder("torch")))
        self.require("torch", "PyTorch", "torch")
        torch.manual_seed(0)
        if self.device == "cuda" and not torch.cuda.is_available():
            raise Unavailable("PyTorch sees no CUDA device here.")
        torch.set_num_threads(1)

    def load(self, wire: Wire) -> Any:
        """Array with these bits, on the device."""
        return load(wire, self.device)

    unload = staticmethod(unload)

    def in_force(
        self, mode: str, runner: Runner, inputs: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> tuple[Returned, str]:
        """``compiled``: Dynamo made one graph of the call, and autograd meets a compiled function."""
        if mode == "eager":
            return runner(inputs, cotangents), ""
        if mode != "compiled":
            return self._shown(mode, runner, inputs, cotangents)
        exceptions = torch._dynamo.exc
        torch._dynamo.utils.counters.clear()
        try:
            returned = runner(inputs, cotangents)
        except (exceptions.Unsupported, exceptions.UserError) as error:
            if "Observed exception" in str(error):  # what was traced raises, as it would without Dynamo
                raise
            raise refusal(error) from error
        except (exceptions.BackendCompilerFailed, exceptions.InternalTorchDynamoError) as error:
            raise NotInForce(str(error), unsupported=False) from error
        return returned, proof(returned[0], differentiated=cotangents is not None)

    def _shown(
        self, mode: str, runner: Runner, inputs: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> tuple[Returned, str]:
        """What the runner showed of itself while it ran."""
        try:
            returned = runner(inputs, cotangents)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise refusal(error) from error
        except RuntimeError as error:
            if reason := REFUSALS[mode].search(str(error)) if mode in REFUSALS else None:
                raise NotInForce(" ".join(reason[0].split()), unsupported=mode != "deterministic") from error
            raise
        told = [true for name, true in getattr(runner, "shown", ()) if name == mode]
        (path,) = (path for path in self.paths if path.name == mode)
        if not (any(told) if mode in ANYWHERE else told and all(told)):
            raise NotInForce(f"PyTorch did not show that {path.shown}", unsupported=mode in ANYWHERE)
        return returned, path.shown

    def weights(self, built: Any, on: Any, seed: int = 0) -> Iterator[tuple[str, Any, bool]]:
        """Parameters, then buffers."""
        if isinstance(built, torch.nn.Module):
            yield from ((name, array, True) for name, array in built.named_parameters())
            yield from ((name, array, False) for name, array in built.named_buffers())

    construct = staticmethod(construct)
    seed = staticmethod(seed)
    prepare = staticmethod(prepare)

    def flags(self) -> dict[str, str]:
        """Precision flags and threads."""
        found = {
            "threads": str(torch.get_num_threads()),
            "float32_matmul_precision": torch.get_float32_matmul_precision(),
            "mkldnn": str(torch.backends.mkldnn.is_available()),
            "deterministic": str(torch.are_deterministic_algorithms_enabled()),
        }
        if self.device == "cuda":
            found |= {
                "device": torch.cuda.get_device_name(),
                "matmul.allow_tf32": str(torch.backends.cuda.matmul.allow_tf32),
                "cudnn.allow_tf32": str(torch.backends.cudnn.allow_tf32),
                "cuda": str(torch.version.cuda),
            }
        return found
