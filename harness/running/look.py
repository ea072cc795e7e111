"""What a worker is asked about an API beside its numbers: signature, weights, types, errors, state.

Like the worker itself it judges nothing, and tells what it saw in plain data.
"""

from __future__ import annotations

import ast
import fnmatch
import hashlib
import importlib
import inspect
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...adapters.binding import BUILT, Binding
from ...adapters.framework import Framework, Wire, leaves
from ...adapters.recording import HOMES, changed, declared_by, found, literal, recorded
from ...adapters.rows import declared, without
from ...adapters.surface import public_names
from ...adapters.unsaid import in_mode, modes, without_source
from ...numerics.dtypes import DTYPES, decode, widen
from ...syntax import parse

__all__ = ["asked", "look", "silenced"]

Reply = dict[str, Any]

DRAWN = 2048
"""Numbers of each weight by which the law is told that it is drawn from."""

BUILDS = 64
"""How often a layer is built at most to have so many."""


def look(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """The answer to one of the questions below, which ``request["look"]`` names."""
    try:
        answer: Reply = LOOKS[request["look"]](adapter, binding, request)
    except Exception as error:  # whatever a framework raises is what was to be seen
        return {"raised": _sentence(error)}
    return answer


def asked(adapter: Framework, family: str, request: Mapping[str, Any]) -> Reply:
    """What a framework shows that belongs to no binding: what ``code`` comes to, or the names ``having``."""
    if "having" in request:
        return {"having": _having(family, request["having"])}
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            return {"shows": _shows(_evaluated(request["code"])) + _warned(heard)}
        except Exception as error:  # whatever a framework raises is what was to be seen
            lacking = isinstance(error, AttributeError) and inspect.ismodule(error.obj)
            gone = lacking or isinstance(error, ImportError)
            return {"shows": "gone" if gone else _sentence(error, "raises ")}


def silenced(binding: Binding, option: str, text: str = "") -> Binding:
    """The binding that leaves one of the API's own arguments out, or gives it the literal ``text``."""
    return without(binding, option, text) if binding.row else changed(binding, option, text)


def _having(family: str, glob: str) -> list[tuple[str, str, str]]:
    """Public names that take an argument so called, with it and its default."""
    having = []
    for name in sorted(public_names(family)):
        try:
            parameters = declared_by(name).parameters.values()
        except ValueError:
            continue
        told = [p for p in parameters if fnmatch.fnmatchcase(p.name, glob)]
        having += [(name, p.name, "" if p.default is p.empty else literal(p.default)) for p in told]
    return having


MODULES = {"np": "numpy", "jnp": "jax.numpy", "nnx": "flax.nnx", "linen": "flax.linen", **HOMES}
"""Modules by the names that code has for them."""


def _evaluated(code: str) -> Any:
    """What the last expression of some lines comes to."""
    tree = parse(code)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    space: dict[str, Any] = {}
    for name in names & {*MODULES, "torch", "keras", "jax", "flax", "optax", "inspect"}:
        space[name] = importlib.import_module(MODULES.get(name, name))
    *before, last = tree.body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(before, []), "<question>", "exec"), space)
    return eval(compile(ast.Expression(last.value), "<question>", "eval"), space)


def _shows(value: Any) -> str:
    """What code comes to, in a few words."""
    if isinstance(value, type) or inspect.isroutine(value):
        return "there"
    if isinstance(value, str):
        return value
    text = literal(value)
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return "works"
    return text


def _warned(heard: list[warnings.WarningMessage]) -> str:
    """The first warning that a framework gave."""
    told = [str(one.message).strip().splitlines()[0] for one in heard if str(one.message).strip()]
    return f", and warns: {told[0][:160]}" if told else ""


def _declared(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """The default of an argument by the signature."""
    option = request["option"]
    if binding.row:
        return {"declared": declared(binding, option)}
    told = declared_by(binding.api).parameters.get(option)
    text = "" if told is None or told.default is told.empty else literal(told.default)
    return {"declared": text if told is not None and text == repr(told.default) else ""}


def _there(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """Whether this version has the API; what a row must make before it calls it, it makes."""
    made = binding.row.calls if binding.row and "(" in binding.row.calls else ""
    try:
        if made:
            eval(made, binding.function.__globals__)
        else:
            found(binding.api)
    except (AttributeError, ImportError):
        return {"there": False}
    return {"there": True}


def _signature(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """Every argument in order: name, how it is given, and the default that is declared."""
    api = binding.row.calls if binding.row else binding.api
    return {"signature": [_parameter(p) for p in _of_call(binding, api).parameters.values()]}


def _of_call(binding: Binding, api: str) -> inspect.Signature:
    try:
        return declared_by(binding.api)
    except ValueError:
        if binding.row is None:
            raise
        return inspect.signature(eval(api, binding.function.__globals__))


def _parameter(parameter: inspect.Parameter) -> tuple[str, str, str]:
    kind = KINDS[parameter.kind]
    return parameter.name, kind, "" if parameter.default is parameter.empty else literal(parameter.default)


KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "position",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "",
    inspect.Parameter.VAR_POSITIONAL: "more",
    inspect.Parameter.KEYWORD_ONLY: "name",
    inspect.Parameter.VAR_KEYWORD: "named",
}


def _recorded(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """What each own argument is given for these parameters and inputs."""
    return {"recorded": recorded(binding, _given(adapter, request))}


def _built(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """Weights of the layer as built: name, dtype, shape, whether trained; initializers; and numbers drawn."""
    if binding.build is None:
        return {"weights": ()}
    for option in tuple(binding.row.options if binding.row else ()):
        if "initializer" in option or option.endswith("_init"):
            binding = without(binding, option)
    if binding.row and "rngs" in binding.row.options:
        binding = without(binding, "rngs", "nnx.Rngs(seed)")
    given = _given(adapter, request)
    made = _constructed(adapter, binding, given)
    first = list(adapter.weights(made, lambda: _on(binding, given)))
    drawn = {name: [adapter.unload(array)] for name, array, _ in first}
    for turn in range(1, BUILDS):
        if all(sum(_length(w) for w in wires) >= DRAWN or _flat(wires) for wires in drawn.values()):
            break
        adapter.seed(turn, None)
        again = _constructed(adapter, binding, given | {"seed": turn})
        for name, array, _ in adapter.weights(again, lambda: _on(binding, given), turn):
            drawn[name].append(adapter.unload(array))
    return {
        "weights": [(n, *adapter.unload(a)[:2], trained) for n, a, trained in first],
        "initializers": _initializers(made),
        "drawn": drawn,
    }


def _initializers(made: Any) -> dict[str, str]:
    """Initializers that a layer names in its configuration, by the weight that they are of."""
    found = {}
    config = made.get_config() if hasattr(made, "get_config") else {}
    for key, value in config.items():
        if key.endswith("_initializer") and isinstance(value, dict):
            found[key.removesuffix("_initializer")] = str(value.get("class_name"))
    return found


def _length(wire: Wire) -> int:
    size = 1
    for length in wire[1]:
        size *= length
    return size


def _flat(wires: list[Wire]) -> bool:
    """Whether two builds have given the same bits: nothing is drawn."""
    return len(wires) > 1 and wires[0][2] == wires[1][2]


def _state(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """Which weights of a layer one call of it changes, and what a function overwrites of what it is given."""
    given = _given(adapter, request)
    if binding.row and binding.row.caller == "call_linen":
        return {"changes": []}  # nothing is kept in a module of flax.linen
    if binding.row and binding.row.caller:
        made = _constructed(adapter, binding, given)
        before = {n: adapter.unload(a)[2] for n, a, _ in adapter.weights(made, lambda: _on(binding, given))}
        eval(f"{BUILT}({binding.row.on})", binding.function.__globals__, given | {BUILT: made})
        after = {n: adapter.unload(a)[2] for n, a, _ in adapter.weights(made, lambda: _on(binding, given))}
        return {"changes": [name for name, bits in after.items() if before.get(name, bits) != bits]}
    held = {name: value for name, value in given.items() if request["inputs"].get(name)}
    before = {name: adapter.unload(value)[2] for name, value in held.items()}
    _call(adapter, binding, given)
    return {"changes": [name for name, value in held.items() if adapter.unload(value)[2] != before[name]]}


def _tried(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """What comes of one call: dtype and shape of each array, and whether NaN is among its numbers."""
    given = _given(adapter, request)
    binding = replace(binding, **_bare(binding))
    arrays = {name: given[name] for name, wire in request["inputs"].items() if wire}
    if request.get("abstract"):
        traced = adapter.shapes(lambda arrays: _call(adapter, binding, {**given, **arrays}), arrays)
        if traced is not None:
            return {"returned": [(*found, "") for found in traced]}
    if request.get("plain") and binding.row and binding.row.caller not in ("", "call_linen"):
        made = _constructed(adapter, binding, given)
        code = f"{BUILT}({binding.row.on})"
        returned = eval(code, binding.function.__globals__, {**given, BUILT: made})
        return {"returned": [_seen(adapter.unload(array)) for array in leaves(returned)]}
    return {"returned": [_seen(adapter.unload(array)) for array in leaves(_call(adapter, binding, given))]}


def _bare(binding: Binding) -> dict[str, Any]:
    """The function of a row that gives what the API returns, untouched."""
    if binding.row is None or not binding.row.returns:
        return {}
    row = replace(binding.row, returns="")
    return {"function": without(replace(binding, row=row), "").function}


def _seen(wire: Wire) -> tuple[str, tuple[int, ...], str]:
    name, shape, _ = wire
    if name not in DTYPES:
        return name, shape, ""
    wrong = np.isnan(widen(decode(*wire)))
    if not wrong.size:
        return name, shape, ""
    return name, shape, "NaN" if wrong.all() else "NaN in places" if wrong.any() else ""


def _call(adapter: Framework, binding: Binding, given: Mapping[str, Any]) -> Any:
    """What the function of a binding returns, with its layer built anew."""
    with adapter.wide(given.values()):
        if binding.build is not None:
            given = {**given, BUILT: _constructed(adapter, binding, given)}
        names = (*binding.called_with, *([BUILT] if binding.build else []))
        return binding.function(**{name: given[name] for name in names})


def _constructed(adapter: Framework, binding: Binding, given: Mapping[str, Any]) -> Any:
    assert binding.build is not None
    return adapter.construct(binding.build, {name: given[name] for name in binding.built_from})


def _on(binding: Binding, given: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arrays that a row hands to its layer by position."""
    assert binding.row is not None
    code = f"(lambda *arrays, **named: arrays)({binding.row.on})"
    return tuple(eval(code, binding.function.__globals__, dict(given)))


def _given(adapter: Framework, request: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs as arrays of the framework, and parameters, by name."""
    wires = request["inputs"].items()
    inputs = {name: None if wire is None else adapter.load(wire) for name, wire in wires}
    return {**inputs, **request["parameters"], "seed": request["seed"]}


def _mode(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """What a call gives that is told nothing of its mode, and what it gives that is told each of the two.

    Each as a digest of every bit, or as what was raised; nothing where the API is never told.
    """
    if not modes(binding):
        return {}
    given, said = _given(adapter, request), set[str]()
    told = {"nothing": None, "training": True, "inference": False}
    return {"mode": {name: _bits(adapter, in_mode(binding, one, said), given) for name, one in told.items()}}


def _source(adapter: Framework, binding: Binding, request: Mapping[str, Any]) -> Reply:
    """What a call gives that is told no source: twice after the same global seed, then once more."""
    given, plain = _given(adapter, request), without_source(binding)
    draws = []
    for seed in (1, 1, None):
        if seed is not None:
            adapter.seed_globally(seed)
        draws.append(_bits(adapter, plain, given, seeded=False))
    return {"source": draws}


def _bits(
    adapter: Framework, binding: Binding, given: Mapping[str, Any], *, seeded: bool = True
) -> dict[str, str]:
    """The digest of what a call returns, or what it raises."""
    try:
        if seeded:
            adapter.seed_globally(0)
        returned = [adapter.unload(array) for array in leaves(_call(adapter, binding, given))]
    except Exception as error:  # whatever a framework raises is what was to be seen
        return {"raises": _sentence(error)}
    return {"gives": hashlib.blake2b(repr(returned).encode(), digest_size=8).hexdigest()}


WHERE = re.compile(r"0x[0-9a-fA-F]+|/\S+/")
"""What a message says of the machine and the moment."""

COUNTED = re.compile(r"(?<=[a-z])_\d+(?=['… ]|$)")
"""How often a layer was made before, behind its name."""

NOISE = re.compile(r"\x1b\[\d*m|\{\{function_node [^}]*\}\} ?")
"""Colours, and where in a graph of TensorFlow's an operation stands."""


def _sentence(error: BaseException, before: str = "") -> str:
    """Type and first line of what was raised, without addresses and folders."""
    lines = [line.strip() for line in NOISE.sub("", str(error)).splitlines() if line.strip()]
    lines = lines[1:] if lines[1:] and lines[0].startswith("Exception encountered when calling") else lines
    text = COUNTED.sub("", WHERE.sub("…", lines[0] if lines else ""))
    return f"{before}{type(error).__name__}: {text[:160]}".encode(errors="replace").decode()


LOOKS = {
    "there": _there,
    "declared": _declared,
    "signature": _signature,
    "recorded": _recorded,
    "built": _built,
    "state": _state,
    "mode": _mode,
    "source": _source,
    "tried": _tried,
}
