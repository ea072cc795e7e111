"""Scripts that show a result with the framework alone, without assay installed.

A script is made of the very functions that were run: the binding, what it calls, and how the framework is
driven, each copied from its source with the imports it needs.
"""

from __future__ import annotations

import ast
import base64
import builtins
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from ...adapters.binding import BUILT, Binding
from ...adapters.framework import framework
from ...adapters.keras import ways
from ...adapters.lazy import Lazy
from ...adapters.path import Path
from ...numerics.dtypes import encode
from ...syntax import parse
from ..judging.expectation import Expectation
from ..judging.judge import Judgement
from ..judging.stochastic import SEED
from ..record import Target

__all__ = ["asking", "script"]

PACKAGE = __package__.partition(".")[0]

TEMPLATE = '''\
"""{api} on {target}: {outcome}.

Case {case}
{message}

Needs {needs} only. Ends with status 1 while the result is as reported.
"""

{imports}

{sources}


def unpack(packed):
    dtype, shape, text = packed
    return load((dtype, shape, base64.b64decode(text)), {device!r})


INPUTS = {{
{inputs}
}}
PARAMETERS = {parameters}
COTANGENTS = {cotangents}

inputs = {{name: None if packed is None else unpack(packed) for name, packed in INPUTS.items()}}
{built}run = prepare({function}, PARAMETERS, {wrt!r}, {mode!r})
{seeded}{ending}'''

SHOW_WORST = """\
outputs, gradients = run(inputs, {cotangents})
arrays = dict(zip({names!r}, (*outputs, *gradients)))
array = arrays[{array!r}]
got = 0.0 if array is None else float(array[{index}])
expected, tolerance = {expected}, {tolerance}
print({array!r}, {index!r}, "got", got, "expected", expected, "tolerance", tolerance)
both_nan = got != got and expected != expected
raise SystemExit(not (both_nan or got == expected or abs(got - expected) <= tolerance))
"""

SHOW_SHAPES = """\
outputs, gradients = run(inputs, {cotangents})
for name, array in zip({names!r}, (*outputs, *gradients)):
    print(name, *(() if array is None else (tuple(array.shape), array.dtype)))
    print(array)
raise SystemExit(1)
"""


def script(expectation: Expectation, binding: Binding, target: Target, judgement: Judgement) -> str:
    """Source of a script that repeats what ``judgement`` found."""
    case = expectation.case
    parameters = {**case.arguments, "seed": SEED}
    sources = _Sources(importlib.import_module(_driver(target.framework)))
    driver = sources.driver
    needed = [binding.function, driver.load, driver.prepare]
    needed += [binding.build, driver.construct] if binding.build else []
    needed += [driver.seed] if case.spec.recover else []
    path = _path(target)
    if path.under:
        needed += [ways.entered, ways.made]
    for function in needed:
        sources.add(function)
    return TEMPLATE.format(
        api=binding.api,
        target=target.name,
        outcome=judgement.outcome,
        case=case.id,
        message=textwrap.fill(judgement.message, 100),
        needs=" and ".join(f"{n} {v}" for n, v in target.versions.items()) or target.framework,
        imports="\n".join([*_environment(target), *sorted({"import base64", *sources.imports})]),
        sources="\n\n\n".join(sources.texts.values()),
        device=target.device,
        inputs=textwrap.indent("\n".join(_inputs(expectation)), "    "),
        parameters=repr({n: parameters[n] for n in binding.called_with if n in parameters}),
        built=_construction(binding, parameters, path),
        seeded=f"seed({SEED}, PARAMETERS.get({BUILT!r}))\n" if case.spec.recover else "",
        cotangents=repr([_pack(c) for c in expectation.cotangents] if case.valid else []),
        function=_by(path, ways.entered, binding.function),
        wrt=expectation.wrt,
        mode=path.under or target.mode,
        ending=_ending(expectation, judgement, path),
    )


ASKING = """\
def {name}(inputs):
{imports}
{sources}
    PARAMETERS = {parameters}
    given = {{
        n: None if a is None else load((a.dtype.name, a.shape, a.tobytes()), "cpu") for n, a in inputs.items()
    }}
    {built}run = prepare({function}, PARAMETERS, (), {mode!r})
    wires = map(unload, run(given, None)[0])
    return [numpy.frombuffer(data, kind).reshape(shape) for kind, shape, data in wires]
"""


def asking(name: str, binding: Binding, arguments: Mapping[str, Any], path: Path) -> str:
    """Source of a function of this name, which asks an implementation: arrays of NumPy in, and out."""
    sources = _Sources(importlib.import_module(_driver(binding.framework)))
    driver = sources.driver
    needed = [binding.function, driver.load, driver.unload, driver.prepare]
    for function in needed + ([binding.build, driver.construct] if binding.build else []):
        sources.add(function)
    parameters = {**arguments, "seed": SEED}
    return ASKING.format(
        name=name,
        imports=textwrap.indent("\n".join(sorted(sources.imports)), "    "),
        sources=textwrap.indent("\n".join(sources.texts.values()), "    "),
        parameters=repr({n: parameters[n] for n in binding.called_with if n in parameters}),
        built=_construction(binding, parameters, path).replace("inputs[", "given[").replace("\n", "\n    "),
        function=binding.function.__name__,
        mode=path.name,
    )


def _by(path: Path, way: Callable[..., Any], function: Callable[..., Any]) -> str:
    """A function as the script names it, in the way of a path that adds to one of a backend."""
    name = function.__name__
    return f"{way.__name__}({name}, {path.name!r})" if path.under else name


def _construction(binding: Binding, parameters: Mapping[str, Any], path: Path) -> str:
    """The line that builds what the binding calls, if it builds anything."""
    if binding.build is None:
        return ""
    names, build = binding.built_from, _by(path, ways.made, binding.build)
    given = (f"{n!r}: {repr(parameters[n]) if n in parameters else f'inputs[{n!r}]'}" for n in names)
    return f"PARAMETERS[{BUILT!r}] = construct({build}, {{{', '.join(given)}}})\n"


def _ending(expectation: Expectation, judgement: Judgement, path: Path) -> str:
    spec = expectation.case.spec
    names = (*spec.outputs, *spec.states, *(f"gradient of {name}" for name in expectation.wrt))
    worst = judgement.worst
    differentiated = expectation.case.valid and expectation.wrt and path.differentiates
    packed = "[unpack(packed) for packed in COTANGENTS]" if differentiated else "None"
    if worst is None:
        return SHOW_SHAPES.format(names=names, cotangents=packed)
    return SHOW_WORST.format(
        names=names,
        cotangents=packed,
        array=worst.array,
        index=worst.index,
        expected=_literal(worst.expected),
        tolerance=_literal(worst.tolerance),
    )


def _literal(number: str) -> str:
    return number if number.lstrip("-")[0].isdigit() else f"float({number!r})"


def _environment(target: Target) -> Iterator[str]:
    backend = target.framework.partition("[")[2].rstrip("]")
    needed = dict(_path(target).environ)
    if target.framework.startswith("keras"):
        needed["KERAS_BACKEND"] = backend or "tensorflow"
    if needed:
        yield "import os\n\n" + "".join(f"os.environ[{n!r}] = {value!r}\n" for n, value in needed.items())


def _path(target: Target) -> Path:
    return framework(target.framework, target.device).path(target.mode)


def _driver(framework: str) -> str:
    """Module that drives the framework: for Keras, its backend's."""
    base, _, backend = framework.partition("[")
    name = (backend.rstrip("]") or "tensorflow") if base == "keras" else base
    return f"{PACKAGE}.adapters.{name}.framework"


def _inputs(expectation: Expectation) -> Iterator[str]:
    for given in expectation.case.spec.inputs:
        if given.kind != "recovered":
            array = expectation.inputs.get(given.name)
            yield f"{given.name!r}: {None if array is None else _pack(array)!r},"


def _pack(array: Any) -> tuple[str, tuple[int, ...], str]:
    name, shape, data = encode(array)
    return name, shape, base64.b64encode(data).decode()


class _Sources:
    """Functions of the adapters with everything they name: functions, imports and constants."""

    def __init__(self, driver: ModuleType) -> None:
        self.driver = driver
        self.imports: set[str] = set()
        self.texts: dict[str, str] = {}
        self._added: dict[str, Callable[..., Any]] = {}

    def add(self, function: Callable[..., Any]) -> None:
        """Copy a function, and what it names, in front of what was added before.

        Raises:
            ValueError: another function of this name was copied.
        """
        known = self._added.setdefault(function.__name__, function)
        if known is not function:
            raise ValueError(f"a script cannot hold two functions called {function.__name__}")
        if function.__name__ in self.texts:
            return
        text, tree = definition(function)
        self.texts[function.__name__] = ""
        for name in sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}):
            if name in function.__globals__ and name != function.__name__:
                self._need(name, function.__globals__[name])
        del self.texts[function.__name__]  # to stand behind what it calls
        self.texts[function.__name__] = text

    def _need(self, name: str, value: Any) -> None:
        if isinstance(value, Lazy | ModuleType):
            module = value.__name__
            self.imports.add(f"import {module}" if module == name else f"import {module} as {name}")
        elif isinstance(value, FunctionType) and value.__module__.startswith(f"{PACKAGE}."):
            self.add(value)
        elif hasattr(value, "__module__") and hasattr(value, "__name__"):
            self.imports.add(f"from {value.__module__} import {value.__name__}")
        elif name not in vars(builtins):
            self.texts[name] = f"{name} = {value!r}"


class _Bare(ast.NodeTransformer):
    """Takes annotations, decorators and docstrings off a function."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.decorator_list, node.returns = [], None
        every = [
            *node.args.posonlyargs,
            *node.args.args,
            *node.args.kwonlyargs,
            node.args.vararg,
            node.args.kwarg,
        ]
        for argument in every:
            if argument is not None:
                argument.annotation = None
        if ast.get_docstring(node) and len(node.body) > 1:
            node.body = node.body[1:]
        self.generic_visit(node)
        return node


def definition(function: Callable[..., Any]) -> tuple[str, ast.AST]:
    """Source of a function without its decorators and annotations, and its tree."""
    tree = _Bare().visit(parse(textwrap.dedent(inspect.getsource(function))))
    return ast.unparse(tree), tree
