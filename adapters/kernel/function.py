"""How a user's own function is asked: a kernel in whatever language, behind a Python function.

The function takes the inputs of a spec in order and its parameters by keyword, and returns the outputs; or
it takes ``out=`` as well and writes them there. What it is given lies in watched memory, and a reply says
beside the values what else it did: wrote around an array, changed an input, kept memory, went on working.

This judges nothing and knows no spec; it runs in the user's process or in a worker, with NumPy and whatever
the kernel itself imports.
"""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import linecache
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import Usage
from ...numerics.dtypes import DTYPES, decode
from ..framework import Wire, as_tuple
from ..jax.framework import x64
from .arrays import LIBRARIES, Held, Library, NoGraph, WrongType, library
from .memory import Slab, place, poisoned_heap
from .paths import Entered, path_of

__all__ = ["Kernel", "Signature", "find_function", "library_name"]

Array = np.ndarray[Any, Any]
Reply = dict[str, Any]

JUDGED = (*DTYPES, "int32", "int64", "bool")
"""Names of the types that can be judged."""

PATIENCE = 2.0
"""Seconds for which a thread that a kernel left running is waited for."""


@dataclass(frozen=True)
class Signature:
    """What a function can be given.

    ``names`` can be given by position or by keyword, ``keywords`` only so; ``more`` and ``anything`` say
    whether it takes ``*args`` and ``**kwargs``.
    """

    names: tuple[str, ...]
    keywords: tuple[str, ...]
    more: bool
    anything: bool

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Signature:
        """The signature of a function; one that has none to look at takes any inputs and no parameter."""
        try:
            found = inspect.signature(function).parameters.values()
        except (TypeError, ValueError):
            return cls((), (), more=True, anything=False)

        def named(*kinds: Any) -> tuple[str, ...]:
            return tuple(p.name for p in found if p.kind in kinds)

        kind = inspect.Parameter
        return cls(
            named(kind.POSITIONAL_ONLY, kind.POSITIONAL_OR_KEYWORD),
            named(kind.KEYWORD_ONLY),
            bool(named(kind.VAR_POSITIONAL)),
            bool(named(kind.VAR_KEYWORD)),
        )

    @property
    def writes(self) -> bool:
        """Whether outputs are written into ``out``."""
        return "out" in (*self.names, *self.keywords)

    def accepts(self, parameter: str) -> bool:
        """Whether a parameter can be given by keyword."""
        return self.anything or parameter in (*self.names, *self.keywords)


class Kernel:
    """A function under test, and the memory that it is given.

    Args:
        function: the kernel.
        like: what its arrays are: the name of a library, a module, an array or an array type. By default
            what the annotations say, and NumPy where they say nothing.
        device: where its arrays lie.
        vjp: takes the inputs, one cotangent per output and the parameters; returns one gradient per input
            whose gradient is asked for. By default the library's own reverse mode, if it has one.
        path: the path that every call is entered by; empty for a plain call.

    Raises:
        ValueError: there is no such array type, or no such path.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        like: Any = None,
        device: str = "cpu",
        vjp: Callable[..., Any] | None = None,
        path: str = "",
    ) -> None:
        self.function, self.vjp, self.path = function, vjp, path
        self.name = getattr(function, "__name__", type(function).__name__)
        self.signature = Signature.of(function)
        wanted = library_name(like) if like is not None else _annotated(function)
        self.guessed = wanted is None
        self.library: Library = library(wanted or "numpy", device)
        if path and self.signature.writes:
            raise Usage("a kernel that writes into out= is called as it is: no path enters it")
        if path:
            self.function = Entered(function, self.library.name, path)
        self._pool: dict[Any, Held] = {}
        self._kept: dict[str, tuple[list[Any], list[Wire]]] = {}

    def facts(self) -> Reply:
        """What the planning side must know of the kernel."""
        signature = self.signature
        return {
            "name": f"{self.name} by {self.path}" if self.path else self.name,
            "names": signature.names,
            "keywords": signature.keywords,
            "more": signature.more,
            "anything": signature.anything,
            "library": self.library.name,
            "guessed": self.guessed,
            "watched": self.library.watched,
            "differentiates": self.vjp is not None or self._has_graph,
            "own_vjp": self.vjp is not None,
            "versions": self.library.versions(),
            "path": self.path,
        }

    @property
    def _has_graph(self) -> bool:
        """Whether the library's reverse mode can see what is computed."""
        seen = not self.signature.writes and (
            not self.path or path_of(self.library.name, self.path).differentiates
        )
        return self.library.differentiates and seen

    def call(self, request: Mapping[str, Any]) -> Reply:
        """Call the kernel once.

        The request holds ``inputs`` (wires by name, None for one that is absent), ``parameters``,
        ``expected`` (dtype and shape of each output), ``layout`` of all or ``layouts`` of some, ``pattern``
        (and ``heap``, where memory that the kernel takes is to hold another one) and, where gradients are
        asked for, ``wrt``, ``cotangents``, their ``cotangent_layout``, ``only`` (the one output that is
        differentiated) and ``between`` (whether another forward pass comes before the backward one). The
        reply holds ``outputs`` and ``gradients`` as wires; ``error``, ``gradient_error``, ``no_graph`` or
        ``wrong_type`` where there are none; and what was seen in memory: ``strayed`` (array and distance),
        ``changed`` (inputs), ``shared`` (inputs), ``late``, ``overwritten``; under
        ``backward`` the same of the backward pass.
        """
        begun, busy = time.perf_counter(), time.process_time()
        try:
            reply = self._forward(request)
            if request.get("cotangents") is not None and "outputs" in reply:
                reply |= self._backward(request)
        except KeyboardInterrupt:
            raise
        except WrongType as error:
            reply = {"wrong_type": str(error)}
        except BaseException as error:  # whatever a kernel raises is a result, an exit included
            reply = {"error": _describe(error) + self._hint(error)}
        processor = time.process_time() - busy
        return reply | {"seconds": time.perf_counter() - begun, "processor": processor}

    def _forward(self, request: Mapping[str, Any]) -> Reply:
        pattern, heap = request["pattern"], request.get("heap", request["pattern"])
        inputs = self._given(request)
        targets = [
            self._held(f"output {number}", (dtype, shape, None), "contiguous", pattern)
            for number, (dtype, shape) in enumerate(request["expected"] if self.signature.writes else ())
        ]
        natives = {n: held and held.native for n, held in inputs.items()}
        for dtype, shape in request["expected"]:
            self.library.litter(max(np.dtype(_storage(dtype)).itemsize * int(np.prod(shape)), 1), heap)
        before = set(threading.enumerate())
        with poisoned_heap(heap), self._quiet(request):
            returned = self._run(natives, targets, request["parameters"])
        wires = [self._wire(value) for value in returned]
        reply: Reply = {"outputs": tuple(wires)}
        given = {n: held for n, held in inputs.items() if held is not None}
        self._settle(before, returned, wires, reply)
        self._look(given, targets, request["inputs"], pattern, reply)
        if not targets:
            reply["shared"] = tuple(
                n for n, h in given.items() if any(self.library.shares(value, h) for value in returned)
            )
            self._compare_with_kept("forward", returned, wires, reply)
        return reply

    def _run(
        self, natives: Mapping[str, Any], targets: Sequence[Held], parameters: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        if not targets:
            return self.library.run(self.function, tuple(natives.values()), parameters)
        out = tuple(held.native for held in targets)
        self.function(*natives.values(), **parameters, out=out if len(out) > 1 else out[0])
        return out

    def _given(self, request: Mapping[str, Any]) -> dict[str, Held | None]:
        """The inputs in watched memory, each in its layout."""
        layouts = request.get("layouts") or {}
        return {
            n: wire and self._held(n, wire, layouts.get(n, request["layout"]), request["pattern"])
            for n, wire in request["inputs"].items()
        }

    def _held(self, name: str, wire: Any, layout: str, pattern: int) -> Held:
        """The array ``name``, in the same memory as in the last call if that had the same shape and type.

        A kernel that knows an array again by its address is given other values there.
        """
        dtype, shape, data = wire
        key = name, dtype, tuple(shape), layout
        if key not in self._pool:
            for stale in [k for k in self._pool if k[0] == name and k != key]:
                del self._pool[stale]
            slab = Slab(place(tuple(shape), np.dtype(_storage(dtype)).itemsize, layout))
            self._pool[key] = self.library.hold(slab, dtype)
        held = self._pool[key]
        held.slab.fill(pattern, None if data is None else decode(dtype, shape, data))
        held.write()
        return held

    def _wire(self, value: Any) -> Wire:
        wire = self.library.unload(value)
        if wire[0] not in JUDGED:
            raise WrongType(f"returned an array of {wire[0]}; it can be one of {', '.join(JUDGED)}")
        return wire

    def _settle(
        self, before: set[threading.Thread], returned: Sequence[Any], wires: Sequence[Wire], reply: Reply
    ) -> None:
        """Wait for threads and streams, and see whether the results changed after they were handed over."""
        left = [t for t in threading.enumerate() if t not in before and t is not threading.current_thread()]
        for thread in left:
            thread.join(PATIENCE / len(left))
        self.library.synchronize()
        if left or self.library.device != "cpu":
            reply["late"] = [self._wire(value) for value in returned] != list(wires)

    def _look(
        self,
        given: Mapping[str, Held],
        targets: Sequence[Held],
        wires: Mapping[str, Any],
        pattern: int,
        reply: Reply,
    ) -> None:
        """See what became of the memory in and around the arrays."""
        changed, strayed = [], []
        for name, held in given.items():
            now = held.read()
            dtype, shape, data = wires[name]
            was = Slab(held.slab.placement)
            was.fill(pattern, decode(dtype, shape, data))
            if np.any((now != was.bytes) & held.slab.inside):
                changed.append(name)
            strayed.append((name, held.slab.strayed(now, pattern)))
        for number, held in enumerate(targets):
            strayed.append((f"output {number}", held.slab.strayed(held.read(), pattern)))
        reply["changed"] = tuple(changed)
        reply["strayed"] = tuple((name, distance) for name, distance in strayed if distance is not None)

    def _compare_with_kept(
        self, which: str, returned: Sequence[Any], wires: Sequence[Wire], reply: Reply
    ) -> None:
        """See whether this call changed what an earlier call returned."""
        if which in self._kept:
            earlier, told = self._kept[which]
            reply["overwritten"] = [self._wire(value) for value in earlier] != told
        self._kept[which] = list(returned), list(wires)
        if reply.get("shared"):
            del self._kept[which]

    def _backward(self, request: Mapping[str, Any]) -> Reply:
        """Gradients, in memory that is watched as that of the forward pass is."""
        pattern, wrt = request["pattern"], request["wrt"]
        heap = request.get("heap", pattern)
        inputs = self._given(request)
        wires = {f"cotangent {n}": wire for n, wire in enumerate(request["cotangents"])}
        layout = request.get("cotangent_layout", "contiguous")
        cotangents = {name: self._held(name, wire, layout, pattern) for name, wire in wires.items()}
        before = set(threading.enumerate())
        try:
            with poisoned_heap(heap), self._quiet(request):
                gradients = self._gradients(request, inputs, [held.native for held in cotangents.values()])
            if len(gradients) != len(wrt):
                wanted = f"the {len(wrt)} inputs {', '.join(wrt)}"
                return {"gradient_error": f"gave {len(gradients)} gradients; expected those of {wanted}"}
            returned = tuple(self._wire(gradient) for gradient in gradients)
        except KeyboardInterrupt:
            raise
        except NoGraph as error:
            return {"no_graph": str(error)}
        except BaseException as error:  # whatever it raises is a result
            return {"gradient_error": _describe(error)}
        seen: Reply = {}
        self._settle(before, gradients, returned, seen)
        given = {name: held for name, held in (inputs | cotangents).items() if held is not None}
        self._look(given, (), request["inputs"] | wires, pattern, seen)
        seen["shared"] = any(self.library.shares(g, held) for g in gradients for held in given.values())
        self._compare_with_kept("backward", gradients, returned, seen)
        return {"gradients": returned, "backward": seen}

    def _gradients(
        self, request: Mapping[str, Any], inputs: Mapping[str, Held | None], cotangents: Sequence[Any]
    ) -> tuple[Any, ...]:
        """Gradients by the user's function or by the library's own reverse mode."""
        parameters = request["parameters"]
        natives = {n: held and held.native for n, held in inputs.items()}
        heap = request.get("heap", request["pattern"])

        def between() -> None:
            if request.get("between"):
                self._run_on_other_numbers(request)
            for name in request["wrt"]:
                self.library.litter(max(len(request["inputs"][name][2]), 1), heap)

        if self.vjp is not None:
            between()
            taken = {n: value for n, value in parameters.items() if Signature.of(self.vjp).accepts(n)}
            return as_tuple(self.vjp(*natives.values(), *cotangents, **taken))
        return self.library.vjp(
            lambda **named: self.function(*(named[n] for n in natives), **parameters),
            natives,
            request["wrt"],
            cotangents,
            between,
            request.get("only"),
            key=(self.function, repr(parameters)),
        )

    def _run_on_other_numbers(self, request: Mapping[str, Any]) -> None:
        """A forward pass on the same shapes: the numbers of each input in the reverse order."""
        other = {n: wire and self.library.load(_reversed(wire)) for n, wire in request["inputs"].items()}
        targets = [
            self._held(f"other {number}", (dtype, shape, None), "contiguous", request["pattern"])
            for number, (dtype, shape) in enumerate(request["expected"] if self.signature.writes else ())
        ]
        with contextlib.suppress(Exception):  # what it makes of these is not asked
            self._run(other, targets, request["parameters"])

    @contextlib.contextmanager
    def _quiet(self, request: Mapping[str, Any]) -> Iterator[None]:
        """NumPy warns of no infinity that the data ask for, and JAX keeps float64 where it is given."""
        wires = [wire for wire in request["inputs"].values() if wire is not None]
        wide = self.library.name == "jax" and any(wire[0] == "float64" for wire in wires)
        with np.errstate(all="ignore"), x64(wide):
            yield

    def _hint(self, error: BaseException) -> str:
        if self.guessed and isinstance(error, TypeError | AttributeError):
            return (
                "; it was given NumPy arrays, as no annotation says otherwise: say like='torch' or like='jax'"
            )
        return ""


def find_function(path: Path, name: str) -> Callable[..., Any]:
    """The function ``name`` of a Python file, which is run.

    Raises:
        ValueError: there is no such file, or no such function in it.
    """
    module = _run_file(path)
    function: Any = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        known = [
            n
            for n, v in vars(module).items()
            if callable(v) and getattr(v, "__module__", "") == module.__name__
        ]
        raise Usage(f"{path} has no function {name!r}; it has {', '.join(known) or 'none'}")
    return function  # type: ignore[no-any-return]


def _run_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path) if path.suffix == ".py" else None
    if spec is None or spec.loader is None or not path.is_file():
        raise Usage(f"there is no Python file {path}")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses, pickling and numba's cache look a function's module up by its name.
    sys.modules.setdefault(path.stem, module)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        raise Usage(f"{path} does not run: {_describe(error)}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


SYNONYMS = {"jaxlib": "jax", "ml_dtypes": "numpy", "np": "numpy", "npt": "numpy", "jnp": "jax", "cp": "cupy"}
"""What a module, or the name that everybody gives it, belongs to."""


def library_name(like: Any) -> str:
    """Name of the library that ``like`` stands for."""
    if isinstance(like, str):
        return SYNONYMS.get(like, like)
    if isinstance(like, ModuleType):
        top = like.__name__.partition(".")[0]
        return SYNONYMS.get(top, top if top in LIBRARIES else like.__name__)
    kind = like if isinstance(like, type) else type(like)
    top = kind.__module__.partition(".")[0]
    return SYNONYMS.get(top, top)


def _annotated(function: Callable[..., Any]) -> str | None:
    """The library that the annotations of a function name, if any does."""
    inner = inspect.unwrap(function)
    names = getattr(inner, "__globals__", {})
    for annotation in getattr(inner, "__annotations__", {}).values():
        found = _of_annotation(annotation, names)
        if found in LIBRARIES:
            return found
    return None


def _of_annotation(annotation: Any, names: Mapping[str, Any]) -> str:
    if isinstance(annotation, str):
        head = annotation.strip("'\" ").partition("[")[0].partition("|")[0].strip().partition(".")[0]
        if head not in names:
            return SYNONYMS.get(head, head)
        annotation = names[head]
    origin = getattr(annotation, "__origin__", annotation)
    module = origin.__name__ if isinstance(origin, ModuleType) else getattr(origin, "__module__", "")
    top = str(module).partition(".")[0]
    return SYNONYMS.get(top, top)


def _describe(error: BaseException) -> str:
    """Type, first lines of the message, and the line of the user's file that raised."""
    text = "\n".join(str(error).strip().splitlines()[:12])[:2000]
    ours = str(Path(__file__).parents[1])
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(ours)]
    place = ""
    if frames:
        last = next((f for f in reversed(frames) if "site-packages" not in f.filename), frames[-1])
        line = (last.line or linecache.getline(last.filename, last.lineno or 0)).strip()
        place = f" (at {Path(last.filename).name}:{last.lineno} `{line}`)"
    return f"{type(error).__name__}: {text}{place}".encode(errors="replace").decode()


def _reversed(wire: Wire) -> Wire:
    """Numbers in the reverse order; indices, masks and lengths as they are."""
    dtype, shape, data = wire
    if dtype not in DTYPES:
        return wire
    array: Array = np.frombuffer(data, _storage(dtype))[::-1]
    return dtype, shape, array.tobytes()


def _storage(dtype: str) -> np.dtype[Any]:
    return DTYPES[dtype].storage if dtype in DTYPES else np.dtype(dtype)
