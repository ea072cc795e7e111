"""How PyTorch is driven: devices, exact bits in and out, reverse mode."""

from __future__ import annotations

import os
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ..binding import binder
from ..environment import TORCH
from ..framework import Framework, NotInForce, Returned, Runner, Unavailable, Wire, as_tuple, cache_folder
from ..lazy import Lazy

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
    host = tensor.detach().cpu().contiguous()
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
    """What ``build`` makes; a module takes the device and the dtype of the floating-point inputs."""
    built = build(**given)
    if isinstance(built, torch.nn.Module):
        for tensor in (value for value in given.values() if isinstance(value, torch.Tensor)):
            built.to(tensor if tensor.is_floating_point() else tensor.device)
    return built


def seed(number: int, built: Any) -> None:
    """Start PyTorch's generators anew, from which functions and modules draw."""
    torch.manual_seed(number)


def prepare(
    function: Callable[..., Any], parameters: Mapping[str, Any], wrt: Sequence[str], mode: str
) -> Runner:
    """Run eagerly, or compiled as a whole by ``torch.compile``, which then raises where it cannot."""

    def call(**inputs: Any) -> Any:
        return function(**inputs, **parameters)

    if mode == "compiled":
        # Dynamo keeps what it compiles with the code, and gives up on code that it met too often.
        own = types.FunctionType(call.__code__.replace(), globals(), "call", None, call.__closure__)
        call = torch.compile(own, dynamic=False, fullgraph=True)
    return lambda inputs, cotangents: value_and_vjp(call, inputs, wrt, cotangents)


def refusal(error: Any) -> NotInForce:
    """Why Dynamo cannot compile a call whole, and where it breaks: inside PyTorch, or in the binding."""
    reason = " ".join(str(error).partition("\n  Hint:")[0].partition("\n\n")[0].split())
    frames = list(getattr(error, "real_stack", None) or ())
    own = [f for f in frames if Path(f.filename).is_relative_to(Path(torch.__file__).parent)]
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


class Adapter(Framework):
    """PyTorch on one device."""

    modes = ("eager", "compiled")
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
