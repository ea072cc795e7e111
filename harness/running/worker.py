"""The loop of a worker process: one framework, one device, one mode; arrays in, arrays out.

It judges nothing and knows no spec. A request names a binding and brings parameters, inputs and
cotangents; the answer brings what the framework returned, or how it raised.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import platform
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from ...adapters import lazy
from ...adapters.binding import bindings, load_bindings
from ...adapters.framework import Framework, Runner, Unavailable, Wire, framework
from ...adapters.kernel.function import Kernel, find_function

__all__ = ["serve", "serve_kernel"]

Reply = dict[str, Any]


def serve(channel: Any, name: str, device: str, mode: str, files: Sequence[str], log: str) -> None:
    """Answer requests on an execnet ``channel`` until it closes; the first answer says what was started."""
    _redirect_output(log)
    try:
        adapter = framework(name, device)
        adapter.start()
    except Unavailable as error:
        channel.send({"unavailable": str(error)})
        return
    for path in files:
        load_bindings(Path(path))
    desk = _Desk(adapter, mode or adapter.modes[0], name.partition("[")[0])
    channel.send(desk.facts())
    for request in channel:
        channel.send(desk.answer(request))


def serve_kernel(
    channel: Any, file: str, function: str, vjp: str, like: str, device: str, log: str
) -> None:
    """Answer requests for a user's kernel until the ``channel`` closes; the first answer is its facts."""
    _redirect_output(log)
    _complete_package()
    try:
        path = Path(file)
        kernel = Kernel(
            find_function(path, function), like or None, device, find_function(path, vjp) if vjp else None
        )
        facts = kernel.facts()
    except Exception as error:  # a user's file may raise anything
        channel.send({"unavailable": str(error) if isinstance(error, ValueError) else _describe(error)})
        return
    channel.send(facts)
    for request in channel:
        channel.send(kernel.call(request))


def _complete_package() -> None:
    """Run the package's root module, without which the worker was started: a user's file may import it."""
    package = sys.modules[__name__.partition(".")[0]]
    root = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(package.__name__, root / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    package.__package__ = package.__name__
    spec.loader.exec_module(package)


class _Desk:
    def __init__(self, adapter: Framework, mode: str, family: str) -> None:
        self.adapter, self.mode = adapter, mode
        self.bindings = bindings([family])
        self._met: set[Any] = set()

    def facts(self) -> Reply:
        return {
            "mode": self.mode,
            "versions": self.adapter.versions(),
            "flags": self.adapter.flags() | _environment(),
            "python": platform.python_version(),
            "packages": _packages(),
        }

    def answer(self, request: Mapping[str, Any]) -> Reply:
        started, first = time.perf_counter(), self._meets(request)
        try:
            reply = self._run(request)
        except Exception as error:  # whatever a framework raises is a result
            reply = {"missing" if _lacks_api(error) else "error": _describe(error)}
        return reply | {"seconds": time.perf_counter() - started, "first": first}

    def _run(self, request: Mapping[str, Any]) -> Reply:
        runner = self._runner(request["binding"], tuple(request["parameters"].items()), tuple(request["wrt"]))
        inputs = {
            n: None if wire is None else self.adapter.load(wire) for n, wire in request["inputs"].items()
        }
        if request["cotangents"] is None:
            return {"outputs": self._unload(runner(inputs, None)[0]), "gradients": ()}
        cotangents = [self.adapter.load(wire) for wire in request["cotangents"]]
        try:
            outputs, gradients = map(self._unload, runner(inputs, cotangents))
        except Exception as error:  # is it the layer that fails, or its gradient alone?
            if _lacks_api(error):
                raise
            outputs = self._unload(runner(inputs, None)[0])
            return {"outputs": outputs, "gradients": (), "gradient_error": _describe(error)}
        reply: Reply = {"outputs": outputs, "gradients": gradients}
        if request["repeat"]:
            reply["repeats"] = (outputs, gradients) == tuple(map(self._unload, runner(inputs, cotangents)))
        return reply

    def _meets(self, request: Mapping[str, Any]) -> bool:
        """Whether a configuration is met for the first time, so that something may be compiled for it."""
        shapes = tuple(wire and tuple(wire[:2]) for wire in request["inputs"].values())
        configuration = (request["binding"], tuple(request["parameters"].items()), shapes)
        new = configuration not in self._met
        self._met.add(configuration)
        return new

    @functools.lru_cache(maxsize=16)  # noqa: B019  (the desk lives as long as the process)
    def _runner(self, binding: str, parameters: tuple[tuple[str, Any], ...], wrt: tuple[str, ...]) -> Runner:
        bound = self.bindings[binding]
        given = {name: value for name, value in parameters if name in bound.arguments}
        return self.adapter.prepare(bound.function, given, wrt, self.mode)

    def _unload(self, arrays: Sequence[Any]) -> tuple[Wire, ...]:
        return tuple(self.adapter.unload(array) for array in arrays)


ENVIRONMENT = ("OMP_", "MKL_", "OPENBLAS_", "DNNL_", "ONEDNN_", "TORCH_", "TF_", "XLA_", "JAX_", "KERAS_")
"""How the names of environment variables begin that change what a framework computes, or how fast."""


def _environment() -> dict[str, str]:
    """The environment variables in force that a framework or its libraries listen to."""
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(ENVIRONMENT)}


def _packages() -> dict[str, str]:
    """Every installed distribution with its version; one that is half installed may have lost both."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        with contextlib.suppress(Exception):
            found[distribution.metadata["Name"]] = distribution.version
    return {name: version or "unknown" for name, version in found.items() if name}


def _lacks_api(error: BaseException) -> bool:
    """Whether a binding failed because this version of the framework has no such name or argument.

    Only what the binding's own line raised counts: the same errors from inside a framework are its defects.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, ImportError) and any(frame.filename == lazy.__file__ for frame in frames):
        return True
    named = isinstance(error, AttributeError) and isinstance(error.obj, type | ModuleType)
    argument = isinstance(error, TypeError) and "unexpected keyword argument" in str(error)
    lookups = [f.name in ("getattr", "__getattr__") or "importlib" in f.filename for f in frames]
    own = [frame for frame, lookup in zip(frames, lookups, strict=True) if not lookup]
    return (isinstance(error, ImportError) or named or argument) and f"adapters{os.sep}" in own[-1].filename


def _describe(error: BaseException) -> str:
    """Type, first lines of the message, and the line of the binding that raised."""
    text = "\n".join(str(error).strip().splitlines()[:12])[:2000]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f"adapters{os.sep}" in f.filename]
    place = f" (at `{frames[-1].line}`)" if frames else ""
    return f"{type(error).__name__}: {text}{place}".encode(errors="replace").decode()


def _redirect_output(log: str) -> None:
    """Send what frameworks print, and the trace of a crash, to the file ``log``."""
    import faulthandler

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 2)
    faulthandler.enable(file=sys.stderr)
