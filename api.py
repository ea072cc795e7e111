"""The public functions: what a kernel developer calls. ``assay.check`` and its like live here."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from .adapters.kernel.function import Kernel, find_function, library_name
from .errors import Usage
from .harness.checking.check import Checker, OnProbe
from .harness.checking.examination import Options
from .harness.checking.kernels import InProcess, InWorker, KernelProcess
from .harness.checking.probes import CheckScope
from .harness.mapping.desks import recipe_of
from .harness.mapping.porting import Recipe
from .harness.plan import select_specs
from .harness.running.processes import KernelSettings
from .reports.check import KernelFails, Report
from .specs.language.case import encode

__all__ = [
    "Declared",
    "KernelFails",
    "Report",
    "check",
    "check_file",
    "conforms",
    "declared",
    "port",
    "prepare",
]

Function = Callable[..., Any]
Kernelish = TypeVar("Kernelish", bound=Function)


def check(
    fn: Function,
    spec: str,
    *,
    like: Any = None,
    device: str = "cpu",
    dtypes: str | Sequence[str] = "float32",
    sizes: str | Sequence[Sequence[int]] = "sweep",
    tiles: Sequence[int] = (),
    gradients: bool | None = None,
    vjp: Function | None = None,
    accumulate: str | None = None,
    fused: bool = False,
    repeats: int = 3,
    deterministic: bool = False,
    isolate: bool = False,
    time_limit: float = 30.0,
    cases: Sequence[str] = (),
    shrink: bool = True,
    fooled: bool = True,
    path: str = "",
    on_probe: OnProbe = lambda probe, seen: None,
    **parameters: Any,
) -> Report:
    """Check a kernel against the spec of what it should compute.

    ``assay.check(softmax, "softmax", axis=-1)`` runs a function of NumPy arrays on every data set, at sizes
    around tiles, in every memory layout, and says what it got wrong, where, and how small the case can be.

    Args:
        fn: takes the spec's inputs in order (`assay show SPEC` prints them) and its parameters by keyword,
            and returns the outputs; or takes ``out=`` too and writes them there. An input that a case does
            not have is None. What the function does not take stays absent, or at its default.
        spec: name of the spec.
        like: what arrays it wants: ``"numpy"``, ``"torch"``, ``"jax"``, ``"cupy"``, an array, a type, or a
            module that has ``from_dlpack``. By default what the annotations say, and otherwise NumPy.
        device: where the arrays lie: ``"cpu"`` or ``"cuda"``.
        dtypes: one or several of float32, float64, bfloat16, float16.
        sizes: ``"sweep"``, ``"smoke"`` for a quick look, or sizes of your own, each a length per axis of the
            spec. Of a large one ordinary data are asked, and all the rest at shorter axes.
        tiles: lengths of the kernel's own blocks: sizes around them are asked too.
        gradients: True asks for them, False does not; None takes them where the kernel has them.
        vjp: takes the inputs, one cotangent per output and the parameters; returns a gradient for each input
            that has one. By default torch's autograd or ``jax.vjp``.
        accumulate: the accumulator that the kernel means to have: ``"float32"``, ``"tf32"`` or ``"dtype"``.
        fused: whether a half type must be rounded once, at the end, after float32 inside: what is computed is
            then not admitted to round at every primitive.
        repeats: how many calls on the same inputs are compared bit by bit.
        deterministic: whether other bits in a repeated call are a failure, and not only a fact.
        isolate: run the kernel in a process of its own, so that a crash or a hang costs one case. It must
            be a function of a module then, not of a notebook or of another function.
        time_limit: seconds after which an isolated call counts as hung.
        cases: ids of single cases to ask instead, as a report prints them.
        shrink: whether a failing case is made smaller.
        path: how the kernel is entered, by default as it is: ``"compiled"`` (``torch.compile``, whole),
            ``"custom_op"`` (an operator of ``torch.library``, compiled), ``"vmap"``, ``"autocast"`` (of
            bfloat16) or ``"autocast_float16"`` for torch; ``"jit"`` or ``"vmap"`` for JAX. A call that the
            path did not run fails.
        fooled: whether to say of a check that passes which faults of the spec it would have let pass.
        on_probe: called with every probe and what came of it.
        parameters: values at which parameters of the spec are held.

    Raises:
        ValueError: there is no such spec, parameter, dtype, size or case, or nothing is left to ask.
    """
    checker = prepare(
        fn,
        spec,
        like=like,
        device=device,
        dtypes=dtypes,
        sizes=sizes,
        tiles=tiles,
        gradients=gradients,
        vjp=vjp,
        accumulate=accumulate,
        fused=fused,
        repeats=repeats,
        deterministic=deterministic,
        isolate=isolate,
        time_limit=time_limit,
        cases=cases,
        shrink=shrink,
        fooled=fooled,
        path=path,
        **parameters,
    )
    try:
        return Report(checker.run(on_probe))
    finally:
        checker.examiner.process.close()


def prepare(
    fn: Function,
    spec: str,
    *,
    like: Any = None,
    device: str = "cpu",
    dtypes: str | Sequence[str] = "float32",
    sizes: str | Sequence[Sequence[int]] = "sweep",
    tiles: Sequence[int] = (),
    gradients: bool | None = None,
    vjp: Function | None = None,
    accumulate: str | None = None,
    fused: bool = False,
    repeats: int = 3,
    deterministic: bool = False,
    isolate: bool = False,
    time_limit: float = 30.0,
    cases: Sequence[str] = (),
    shrink: bool = True,
    fooled: bool = True,
    path: str = "",
    **parameters: Any,
) -> Checker:
    """What `check` runs; its ``examiner.process`` is to be closed in the end."""
    (chosen,) = _one_spec(spec)
    names = (dtypes,) if isinstance(dtypes, str) else tuple(dtypes)
    scope = CheckScope(chosen, parameters, names, sizes, tuple(tiles), tuple(cases))
    said: dict[bool | None, Any] = {True: "yes", False: "no"} if isinstance(fn, InFile) else {}
    held = {"gradients": said.get(gradients, gradients), "accumulate": accumulate}
    held |= {"fused": fused or None, "deterministic": deterministic or None, "path": path or None}
    again = _again(fn, spec, like, device, vjp, tuple(tiles), held, parameters)
    options = Options(gradients, accumulate, repeats, deterministic, shrink, fooled, again, fused)
    return Checker(_process(fn, like, device, vjp, isolate, time_limit, path), scope, options)


@dataclass(frozen=True)
class Declared:
    """A kernel that says of itself what it computes; ``options`` are those of `check`."""

    function: Function
    spec: str
    options: dict[str, Any]


_declared: dict[int, Declared] = {}


def conforms(spec: str, **options: Any) -> Callable[[Kernelish], Kernelish]:
    """Declare what a kernel computes, so that pytest asks it every case: one test each, with the case's id.

    ``@assay.conforms("layer_norm", dtypes=("float32", "bfloat16"))`` above a function in a test module is all
    it takes; the function itself stays as it is. ``--assay-tier`` and ``--assay-device`` choose sizes and
    device where the options do not.

    Args:
        spec: name of the spec.
        options: those of `check`.
    """

    def declare(function: Kernelish) -> Kernelish:
        _declared[id(function)] = Declared(function, spec, options)
        return function

    return declare


def declared(value: Any) -> Declared | None:
    """What was declared of a kernel, if anything was."""
    return _declared.get(id(value))


def port(source: str, target: str, *, spec: str = "", python: Path | None = None, **options: Any) -> Recipe:
    """How one API does what another does, proved by running both.

    ``assay.port("keras.layers.BatchNormalization", "torch.nn.BatchNorm2d", epsilon=1e-5).exact`` is whether
    nothing stands in the way; ``words`` holds the arguments of both, ``proof`` what came of running them.

    Args:
        source: the API that is ported.
        target: the API that it is ported to.
        spec: the layer that is meant, where the two have several in common.
        python: the interpreter whose frameworks are asked; this one if None.
        options: own arguments of the first, or parameters of the layer; others have their defaults, which
            are measured.

    Raises:
        Usage: an API or an argument is unknown, or has a value that the spec has no word for.
    """
    given = {name: value if isinstance(value, str) else repr(value) for name, value in options.items()}
    return recipe_of(source, target, given, spec, python or Path(sys.executable))


def check_file(
    file: Path, function: str, vjp: str = "", *, in_process: bool = False, spec: str, **options: Any
) -> Report:
    """Check a function of a Python file; in a process of its own unless ``in_process`` says otherwise.

    Args:
        file: the Python file; it is run.
        function: name of the kernel in it.
        vjp: name of the function in it that gives gradients, if there is one.
        in_process: whether to run it in this process.
        spec: name of the spec.
        options: those of `check`.

    Raises:
        ValueError: as `check` does, or the file has no such function.
        Unstarted: the file cannot be run in a process of its own.
    """
    if not file.is_file():
        raise Usage(f"there is no Python file {file}")
    if in_process:
        own = find_function(file, vjp) if vjp else None
        return check(find_function(file, function), spec, vjp=own, **options)
    return check(InFile(file, function, vjp), spec, isolate=True, **options)


@dataclass(frozen=True)
class InFile:
    """A kernel that this process never sees: a function in a file, with its vjp."""

    file: Path
    function: str
    vjp: str = ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Never called here; a kernel is a callable."""
        raise TypeError(f"{self.function} runs in a process of its own")


def _one_spec(name: str) -> list[Any]:
    found = list(select_specs((name,)).values())
    if len(found) != 1:
        raise Usage(f"{name!r} names {len(found)} specs; a kernel is checked against one")
    return found


def _process(
    fn: Function, like: Any, device: str, vjp: Function | None, isolate: bool, time_limit: float, path: str
) -> KernelProcess:
    if isinstance(fn, type):
        raise Usage(f"{fn.__name__} is a class; give a function that calls it, such as {fn.__name__}.apply")
    if not isolate:
        return InProcess(Kernel(fn, like, device, vjp, path))
    where = fn if isinstance(fn, InFile) else _in_file(fn, vjp)
    return InWorker(
        KernelSettings(
            framework=where.function,
            device=device,
            time_limit=time_limit,
            file=str(where.file),
            function=where.function,
            vjp=where.vjp,
            like=library_name(like) if like is not None else "",
            by=path,
        )
    )


def _again(
    fn: Function,
    spec: str,
    like: Any,
    device: str,
    vjp: Function | None,
    tiles: tuple[int, ...],
    held: dict[str, Any],
    parameters: dict[str, Any],
) -> str:
    """How to ask a single case again: with all that was held, and with the tiles that findings speak of."""
    name = like if like is None else library_name(like)
    given = {name: value for name, value in held.items() if value is not None}
    if isinstance(fn, InFile):
        options = {"like": name, "device": device if device != "cpu" else None, "vjp": fn.vjp or None}
        words = [f"{parameter}={encode(value)}" for parameter, value in parameters.items()]
        words += [f"--{option} {value}" for option, value in options.items() if value]
        words += [
            f"--{option}" if value is True else f"--{option} {value}" for option, value in given.items()
        ]
        words += [f"--tile {tile}" for tile in tiles]
        said = "".join(f" {word}" for word in words)
        return f"assay check {fn.file}:{fn.function} --spec {spec}{said} --case '{{case}}'"
    options = {"like": name and f'"{name}"', "device": f'"{device}"' if device != "cpu" else None}
    options["vjp"] = getattr(vjp, "__name__", None)
    options["tiles"] = str(tiles) if tiles else None
    options |= {option: repr(value) for option, value in (given | parameters).items()}
    said = "".join(f", {option}={value}" for option, value in options.items() if value)
    return f'assay.check({getattr(fn, "__name__", "kernel")}, "{spec}"{said}, cases=["{{case}}"])'


def _in_file(fn: Function, vjp: Function | None) -> InFile:
    file, function = _where(fn)
    if vjp is None:
        return InFile(Path(file), function)
    other, gradient = _where(vjp)
    if other != file:
        raise Usage("with isolate=True the vjp must be in the same file as the kernel")
    return InFile(Path(file), function, gradient)


def _where(fn: Function) -> tuple[str, str]:
    """File and name of a function, from which another process can get it."""
    inner = inspect.unwrap(fn)
    name = getattr(inner, "__qualname__", "")
    try:
        file = inspect.getsourcefile(inner) or ""
    except TypeError:
        file = ""
    if not name or "<" in name or not Path(file).is_file():
        raise Usage(
            f"isolate=True needs a function of a Python file, found by its name; {name or fn!r} is none."
            " Put it at the top of a module, or leave isolate out"
        )
    return file, name
