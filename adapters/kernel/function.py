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
from .arrays import LIBRARIES, Held, Library, WrongType, library
from .memory import Slab, place, poisoned_heap

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

    Raises:
        ValueError: there is no such array type.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        like: Any = None,
        device: str = "cpu",
        vjp: Callable[..., Any] | None = None,
    ) -> None:
        self.function, self.vjp = function, vjp
        self.signature = Signature.of(function)
        wanted = library_name(like) if like is not None else _annotated(function)
        self.guessed = wanted is None
        self.library: Library = library(wanted or "numpy", device)
        self._pool: dict[Any, Held] = {}
        self._kept: tuple[list[Any], list[Wire]] | None = None

    def facts(self) -> Reply:
        """What the planning side must know of the kernel."""
        signature = self.signature
        return {
            "name": getattr(self.function, "__name__", type(self.function).__name__),
            "names": signature.names,
            "keywords": signature.keywords,
            "more": signature.more,
            "anything": signature.anything,
            "library": self.library.name,
            "guessed": self.guessed,
            "watched": self.library.watched,
            "differentiates": self.vjp is not None or self.library.differentiates,
            "own_vjp": self.vjp is not None,
            "versions": self.library.versions(),
        }

    def call(self, request: Mapping[str, Any]) -> Reply:
        """Call the kernel once.

        The request holds ``inputs`` (wires by name, None for one that is absent), ``parameters``,
        ``expected`` (dtype and shape of each output), ``layout``, ``pattern`` and, where gradients are asked
        for, ``wrt`` and ``cotangents``. The reply holds ``outputs`` and ``gradients`` as wires; ``error``,
        ``gradient_error`` or ``wrong_type`` where there are none; and what was seen in memory: ``strayed``
        (array and distance), ``changed`` (inputs), ``shared`` (inputs), ``late``, ``overwritten``.
        """
        begun = time.perf_counter()
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
        return reply | {"seconds": time.perf_counter() - begun}

    def _forward(self, request: Mapping[str, Any]) -> Reply:
        pattern, layout = request["pattern"], request["layout"]
        inputs = {n: wire and self._held(n, wire, layout, pattern) for n, wire in request["inputs"].items()}
        targets = [
            self._held(f"output {number}", (dtype, shape, None), "contiguous", pattern)
            for number, (dtype, shape) in enumerate(request["expected"] if self.signature.writes else ())
        ]
        natives = {n: held and held.native for n, held in inputs.items()}
        for dtype, shape in request["expected"]:
            self.library.litter(max(np.dtype(_storage(dtype)).itemsize * int(np.prod(shape)), 1), pattern)
        before = set(threading.enumerate())
        with poisoned_heap(pattern), self._quiet(request):
            returned = self._run(natives, targets, request["parameters"])
        wires = [self._wire(value) for value in returned]
        reply: Reply = {"outputs": tuple(wires)}
        given = {n: held for n, held in inputs.items() if held is not None}
        self._settle(before, returned, wires, reply)
        self._look(given, targets, request, reply)
        if not targets:
            reply["shared"] = tuple(
                n for n, h in given.items() if any(self.library.shares(value, h) for value in returned)
            )
            self._compare_with_kept(returned, wires, reply)
        return reply

    def _run(
        self, natives: Mapping[str, Any], targets: Sequence[Held], parameters: Mapping[str, Any]
    ) -> tuple[Any, ...]:
        if not targets:
            return as_tuple(self.function(*natives.values(), **parameters))
        out = tuple(held.native for held in targets)
        self.function(*natives.values(), **parameters, out=out if len(out) > 1 else out[0])
        return out

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
        request: Mapping[str, Any],
        reply: Reply,
    ) -> None:
        """See what became of the memory in and around the arrays."""
        pattern, changed, strayed = request["pattern"], [], []
        for name, held in given.items():
            now = held.read()
            dtype, shape, data = request["inputs"][name]
            was = Slab(held.slab.placement)
            was.fill(pattern, decode(dtype, shape, data))
            if np.any((now != was.bytes) & held.slab.inside):
                changed.append(name)
            strayed.append((name, held.slab.strayed(now, pattern)))
        for number, held in enumerate(targets):
            strayed.append((f"output {number}", held.slab.strayed(held.read(), pattern)))
        reply["changed"] = tuple(changed)
        reply["strayed"] = tuple((name, distance) for name, distance in strayed if distance is not None)

    def _compare_with_kept(self, returned: Sequence[Any], wires: Sequence[Wire], reply: Reply) -> None:
        """See whether this call changed what an earlier call returned."""
        if self._kept is not None:
            earlier, told = self._kept
            reply["overwritten"] = [self._wire(value) for value in earlier] != told
        self._kept = None if reply["shared"] else (list(returned), list(wires))

    def _backward(self, request: Mapping[str, Any]) -> Reply:
        """Gradients; in memory of their own, since values and memory were looked at before."""
        wrt, parameters = request["wrt"], request["parameters"]
        inputs = {n: wire and self.library.load(wire) for n, wire in request["inputs"].items()}
        cotangents = [self.library.load(wire) for wire in request["cotangents"]]
        try:
            with poisoned_heap(request["pattern"]), self._quiet(request):
                if self.vjp is not None:
                    gradients = as_tuple(self.vjp(*inputs.values(), *cotangents, **parameters))
                else:
                    gradients = self.library.vjp(
                        lambda **named: self.function(*(named[n] for n in inputs), **parameters),
                        inputs,
                        wrt,
                        cotangents,
                    )
            if len(gradients) != len(wrt):
                wanted = f"the {len(wrt)} inputs {', '.join(wrt)}"
                return {"gradient_error": f"gave {len(gradients)} gradients; expected those of {wanted}"}
            return {"gradients": tuple(self._wire(gradient) for gradient in gradients)}
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # whatever it raises is a result
            return {"gradient_error": _describe(error)}

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


def _storage(dtype: str) -> np.dtype[Any]:
    return DTYPES[dtype].storage if dtype in DTYPES else np.dtype(dtype)
