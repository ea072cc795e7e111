"""The loop of a worker process: one framework, one device, one mode; arrays in, arrays out.

It judges nothing and knows no spec. A request names a binding and brings parameters, inputs and
cotangents; the answer brings what the framework returned, or how it raised.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from ...adapters.binding import BUILT, Binding, bindings, load_bindings
from ...adapters.framework import Framework, NotInForce, Returned, Runner, Unavailable, Wire, framework
from ...adapters.given import ungiven
from ...adapters.kernel.function import Kernel, find_function
from ...adapters.lazy import Absent, Unimportable
from ...adapters.path import Path as Way
from ...adapters.surface import public_names
from .look import asked, look, silenced

__all__ = ["serve", "serve_kernel", "serve_names"]

Reply = dict[str, Any]


def serve(channel: Any, name: str, device: str, mode: str, files: Sequence[str], log: str) -> None:
    """Answer requests on an execnet ``channel`` until it closes; the first answer says what was started."""
    _redirect_output(log)
    try:
        adapter = framework(name, device)
        path = adapter.path(mode)
        adapter.enter(path)
    except Unavailable as error:
        channel.send({"unavailable": str(error)})
        return
    for file in files:
        load_bindings(Path(file))
    desk = _Desk(adapter, path, name.partition("[")[0])
    channel.send(desk.facts())
    for request in channel:
        channel.send(desk.answer(request))


def serve_names(channel: Any, name: str, device: str, log: str) -> None:
    """Send a framework's names of layers and losses on a ``channel``, and arguments that none is given."""
    _redirect_output(log)
    adapter = framework(name, device)
    try:
        adapter.start()
    except Unavailable as error:
        channel.send({"unavailable": str(error)})
    else:
        names = public_names(name.partition("[")[0])
        alike = ungiven(name.partition("[")[0])
        channel.send({"names": names, "ungiven": alike, "versions": adapter.versions()})


def serve_kernel(
    channel: Any, file: str, function: str, vjp: str, like: str, by: str, device: str, log: str
) -> None:
    """Answer requests for a user's kernel until the ``channel`` closes; the first answer is its facts."""
    _redirect_output(log)
    _complete_package()
    try:
        path = Path(file)
        kernel = Kernel(
            find_function(path, function), like or None, device, find_function(path, vjp) if vjp else None, by
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


PREPARED = 16
"""Configurations that are kept ready: the cases of one are asked of every binding in turn."""


@dataclass
class _Ready:
    """What is kept of a configuration: how it is run, what its binding built, and what its mode proved."""

    runner: Runner
    built: Any
    proof: str | None = None
    refusal: NotInForce | None = None


class _Desk:
    def __init__(self, adapter: Framework, path: Way, family: str) -> None:
        self.adapter, self.path, self.mode, self.family = adapter, path, path.name, family
        self.bindings = bindings([family])
        adapter.settle(self.bindings.values())
        self._met: set[Any] = set()
        self._silent: dict[tuple[str, str, str], Binding] = {}
        self._prepared: dict[Any, _Ready] = {}

    def facts(self) -> Reply:
        return {
            "mode": self.mode,
            "versions": self.adapter.versions(),
            "flags": self.adapter.flags() | _environment(self.adapter.environment),
            "broken": self.adapter.unimportable(),
            "python": platform.python_version(),
            "packages": _packages(),
        }

    def answer(self, request: Mapping[str, Any]) -> Reply:
        if "code" in request or "having" in request:
            return asked(self.adapter, self.family, request)
        if "look" in request:
            return look(self.adapter, self._binding(request), request)
        started, first = time.perf_counter(), self._meets(request)
        try:
            reply = self._run(request)
            reply["in_force"] = self._prepared[self._configuration(request)].proof
        except NotInForce as error:
            reply = {"not_in_force": str(error), "unsupported": error.unsupported}
        except Unimportable as error:  # whatever was asked, this is no answer to it
            reply = {"broken": str(error)}
        except Exception as error:  # whatever a framework raises is a result
            reply = {"missing" if _lacks_api(error) else "error": _describe(error)}
        return reply | {"seconds": time.perf_counter() - started, "first": first}

    def _run(self, request: Mapping[str, Any]) -> Reply:
        if request["cotangents"] is None:
            return {"outputs": self._call(request, None)[0], "gradients": ()}
        if not self.path.differentiates:
            outputs, _ = self._call(request, None)
            repeats = not request["repeat"] or outputs == self._call(request, None)[0]
            return {"outputs": outputs, "forward_only": True, "repeats": repeats}
        cotangents = [self.adapter.load(wire) for wire in request["cotangents"]]
        try:
            outputs, gradients = self._call(request, cotangents)
        except Exception as error:  # is it the layer that fails, or its gradient alone?
            if isinstance(error, NotInForce) or _lacks_api(error):
                raise
            outputs, _ = self._call(request, None)
            return {"outputs": outputs, "gradients": (), "gradient_error": _describe(error)}
        reply: Reply = {"outputs": outputs, **_gradients(request, gradients)}
        if request["repeat"]:
            reply["repeats"] = (outputs, gradients) == self._call(request, cotangents)
        return reply

    def _meets(self, request: Mapping[str, Any]) -> bool:
        """Whether a configuration is met for the first time, so that something may be compiled for it."""
        configuration = self._configuration(request)
        new = configuration not in self._met
        self._met.add(configuration)
        return new

    def _configuration(self, request: Mapping[str, Any]) -> tuple[Any, ...]:
        """What is built and compiled once: a binding with parameters, on inputs of these shapes and types.

        Parameters that the binding does not take make no other call.
        """
        taken = self._binding(request).arguments
        seed = request["seed"] if "seed" in taken else None
        shapes = tuple(wire and tuple(wire[:2]) for wire in request["inputs"].values())
        parameters = tuple(item for item in request["parameters"].items() if item[0] in taken)
        changed = request.get("unsaid", ""), request.get("literal", "")
        return request["binding"], changed, parameters, seed, tuple(request["wrt"]), shapes

    def _binding(self, request: Mapping[str, Any]) -> Binding:
        """The binding that is asked, or one in which an argument is ``unsaid``, or another ``literal``."""
        unsaid, literal = request.get("unsaid", ""), request.get("literal", "")
        asked = request["binding"], unsaid, literal
        if asked not in self._silent:
            binding = self.bindings[request["binding"]]
            self._silent[asked] = silenced(binding, unsaid, literal) if unsaid else binding
        return self._silent[asked]

    def _call(
        self, request: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> tuple[tuple[Wire, ...], tuple[Wire | None, ...]]:
        """Outputs and gradients of one call, which draws from the seed that is asked for."""
        wires = request["inputs"].items()
        inputs = {name: None if wire is None else self.adapter.load(wire) for name, wire in wires}
        ready = self._ready(request, inputs)
        if request["seed"] is not None:
            self.adapter.seed(request["seed"], ready.built)
        outputs, gradients = self._in_mode(ready, inputs, cotangents)
        return self._unload(outputs), tuple(g if g is None else self.adapter.unload(g) for g in gradients)

    def _in_mode(
        self, ready: _Ready, inputs: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> Returned:
        """What a call returns; the first of a configuration shows whether its mode is in force."""
        if ready.refusal is not None:
            raise ready.refusal
        if ready.proof is not None:
            return ready.runner(inputs, cotangents)
        try:
            returned, ready.proof = self.adapter.in_force(self.mode, ready.runner, inputs, cotangents)
        except NotInForce as error:
            ready.refusal = error
            raise
        return returned

    def _ready(self, request: Mapping[str, Any], inputs: Mapping[str, Any]) -> _Ready:
        """The runner of a configuration, and what its binding has built: once, before anything is traced."""
        key = self._configuration(request)
        if key not in self._prepared:
            binding = self._binding(request)
            parameters = {**request["parameters"], "seed": request["seed"]}
            given = {name: parameters[name] for name in binding.called_with if name in parameters}
            if binding.build is not None:
                known = {**inputs, **parameters}
                parts = {name: known[name] for name in binding.built_from}
                given[BUILT] = self.adapter.construct(binding.build, parts)
            if len(self._prepared) == PREPARED:
                del self._prepared[next(iter(self._prepared))]
            runner = self.adapter.prepare(binding.function, given, request["wrt"], self.mode)
            self._prepared[key] = _Ready(runner, given.get(BUILT))
        return self._prepared[key]

    def _unload(self, arrays: Sequence[Any]) -> tuple[Wire, ...]:
        return tuple(self.adapter.unload(array) for array in arrays)


def _environment(documented: Sequence[str]) -> dict[str, str]:
    """Those of the ``documented`` environment variables that are set."""
    return {name: os.environ[name] for name in sorted(documented) if name in os.environ}


def _gradients(request: Mapping[str, Any], gradients: Sequence[Wire | None]) -> Reply:
    """Gradients with zeros where the framework has none, and the names of the inputs where that is so."""
    pairs = [(name, request["inputs"][name], g) for name, g in zip(request["wrt"], gradients, strict=True)]
    return {
        "gradients": tuple((*given[:2], bytes(len(given[2]))) if g is None else g for _, given, g in pairs),
        "unconnected": tuple(name for name, _, g in pairs if g is None),
    }


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
    if isinstance(error, Absent):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    named = isinstance(error, AttributeError) and isinstance(error.obj, type | ModuleType)
    lookups = [f.name in ("getattr", "__getattr__") or "importlib" in f.filename for f in frames]
    own = [frame for frame, lookup in zip(frames, lookups, strict=True) if not lookup]
    if (isinstance(error, ImportError) or named) and _of_adapters(own[-1].filename):
        return True
    return _lacks_argument(error)


KEYWORD = re.compile(
    r"(?:(?P<called>[\w.]+)\(\) )?[Gg]ot an unexpected keyword argument '(?P<keyword>\w+)'"
    r"|Unrecognized keyword arguments passed to (?P<layer>\w+): \{'(?P<option>\w+)'"
    r"|Error interpreting argument to <function (?P<compiled>\w+) .*<class 'str'>.* at path (?P<traced>\w+)",
    re.DOTALL,
)
"""How Python, TensorFlow's dispatch, Keras's layers and JAX's compiler say that they do not know an argument.

Where a function of JAX's is compiled, an argument that is not in its signature is taken for an array.
"""


def _lacks_argument(error: BaseException) -> bool:
    """Whether what a binding called does not know an argument that the binding itself gives.

    Compiled functions, classes and dispatchers raise from frames of the framework's, so the frame alone does
    not tell: the message must name what the binding's code calls, and an argument that it gives.
    """
    found = KEYWORD.search(str(error)) if isinstance(error, TypeError | ValueError) else None
    if found is None:
        return False
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame.f_code for frame in frames if _of_adapters(frame.f_code.co_filename)]
    if own and own[-1] is frames[-1].f_code:
        return True
    words = {word for code in own for word in _words(code)}
    function = (found["called"] or "").removesuffix(".__init__").rpartition(".")[2]
    called = function or found["layer"] or found["compiled"] or ""
    given = found["keyword"] or found["option"] or found["traced"]
    return given in words and called in {*words, ""}


def _words(code: CodeType) -> Iterator[str]:
    """Names that a function mentions, arguments that it gives by name and the keys of its dictionaries."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _words(constant)
        else:
            several = constant if isinstance(constant, tuple) else (constant,)
            yield from (one for one in several if isinstance(one, str))


def _of_adapters(file: str) -> bool:
    return f"adapters{os.sep}" in file


def _describe(error: BaseException) -> str:
    """Type, first lines of the message, and the line of the binding that raised."""
    text = "\n".join(_without_frames(str(error).strip().splitlines())[:12])[:2000]
    told = [f for f in traceback.extract_tb(error.__traceback__) if f.name != "__getattr__"]
    frames = [f for f in told if _of_adapters(f.filename)]
    place = f" (at `{frames[-1].line}`)" if frames else ""
    return f"{type(error).__name__}: {text}{place}".encode(errors="replace").decode()


FRAME = re.compile(r"\s*File \".*\", line \d+")
"""How a line of a stack begins."""


def _without_frames(lines: Iterable[str]) -> list[str]:
    """The lines of a message but for the stacks in it, with which TensorFlow begins what a graph raises.

    A frame may be followed by its line of source, which stands further in.
    """
    kept, depth = list[str](), None
    for line in lines:
        inset = len(line) - len(line.lstrip())
        if FRAME.match(line):
            depth = inset
        elif depth is None or inset <= depth:
            depth = None
            kept += [line] if line.strip() else []
    return kept


def _redirect_output(log: str) -> None:
    """Send what frameworks print, and the trace of a crash, to the file ``log``."""
    import faulthandler

    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 2)
    faulthandler.enable(file=sys.stderr)
