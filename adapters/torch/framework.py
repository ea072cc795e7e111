"""How PyTorch is driven: devices, exact bits in and out, reverse mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ..binding import binder
from ..environment import TORCH
from ..framework import Framework, Runner, Unavailable, Wire, as_tuple
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
    """Run eagerly, or through ``torch.compile``."""

    def call(**inputs: Any) -> Any:
        return function(**inputs, **parameters)

    runnable = torch.compile(call, dynamic=False) if mode == "compiled" else call
    return lambda inputs, cotangents: value_and_vjp(runnable, inputs, wrt, cotangents)


class Adapter(Framework):
    """PyTorch on one device."""

    modes = ("eager", "compiled")
    distributions = ("torch",)
    oldest: ClassVar = {"torch": "1.12"}
    environment = TORCH

    def start(self) -> None:
        """Import torch; refuse CUDA where there is none."""
        self.require("torch", "PyTorch", "torch")
        torch.manual_seed(0)
        if self.device == "cuda" and not torch.cuda.is_available():
            raise Unavailable("PyTorch sees no CUDA device here.")
        torch.set_num_threads(1)

    def load(self, wire: Wire) -> Any:
        """Array with these bits, on the device."""
        return load(wire, self.device)

    unload = staticmethod(unload)
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
