"""How PyTorch is driven: devices, exact bits in and out, reverse mode."""

from __future__ import annotations

import contextlib
import os
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path as File
from typing import Any, ClassVar

from ..binding import binder
from ..environment import TORCH
from ..framework import Framework, NotInForce, Returned, Runner, Unavailable, Wire, as_tuple, cache_folder
from ..lazy import Lazy
from ..path import Path
from .ways import (
    AUTOCAST,
    apart,
    exported,
    laid_apart,
    laid_channels_last,
    on_parameters,
    over_samples,
    under_autocast,
    value_and_each,
    value_and_jvp,
    value_and_twice,
)

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
