"""Golden vectors: cases as files, for whoever cannot run Python, and the judging of what comes back.

A folder holds a manifest and one file of arrays per spec. The manifest says of each case what it asks and
under which names its arrays lie: inputs, cotangents, expected values, and tolerances per rounding profile.
docs/vectors.md has the rule by which a result is judged from these files alone; `judge_folder` judges by the
reference itself, which the case ids rebuild.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ...errors import Usage
from ...numerics.dtypes import DTYPES
from ...numerics.profiles import profiles
from ...specs import all_specs
from ...specs.language.case import Case, parse
from ...specs.language.cases import cases
from ...specs.language.spec import Spec
from ..judging.expectation import Expectation
from ..judging.judge import Answer, Judgement, judge
from ..running.provenance import version
from .held import Forward
from .probes import admitted
from .sizes import elements, equal, long

__all__ = [
    "FORMATS",
    "Array",
    "ArrayFacts",
    "CaseFacts",
    "Manifest",
    "export",
    "judge_folder",
    "schema",
    "selected",
]

Array = np.ndarray[Any, Any]
Arrays = dict[str, Array]

FORMAT = 1
"""Version of the manifest's format."""

FORMATS = ("npz", "safetensors")
"""Kinds of files that arrays are written to."""

MANIFEST = "manifest.json"
SCHEMA = "manifest.schema.json"

RETURNED = "returned"
"""Folder, beside the manifest, of the files that come back: named like those that went out."""

UNSUPPORTED = "unsupported.json"
"""File among them that names the cases which the implementation does not support, each with the reason."""


UNASKED = (
    "layouts: every array is row-major and dense",
    "memory: what is written around arrays, into inputs or never",
    "repeats: the same bits in a second call, alone, and at every place",
    "backward passes: other layouts of cotangents, one at a time, after another forward pass",
)
"""What files cannot ask."""


class ArrayFacts(msgspec.Struct, frozen=True):
    """One array: its name in the file, its dtype and shape.

    The dtype is that of the values. An npz file holds bfloat16 as uint16, with the same bits.
    """

    key: str
    dtype: str
    shape: tuple[int, ...]


class ExpectedFacts(msgspec.Struct, frozen=True):
    """An array that an implementation should return, under ``key`` in the file that comes back.

    ``value`` names the expected values in float64, before any rounding to ``dtype``; ``tolerance`` the
    allowed difference, element by element, by the name of the rounding profile. An ``exact`` array holds
    integers or booleans and has no tolerance.
    """

    name: str
    key: str
    dtype: str
    shape: tuple[int, ...]
    check: str
    exact: bool
    value: str
    tolerance: dict[str, str]


class CaseFacts(msgspec.Struct, frozen=True):
    """A case: its id, what it asks, and its arrays."""

    id: str
    spec: str
    file: str
    parameters: dict[str, Any]
    dtype: str
    data: str
    inputs: dict[str, ArrayFacts]
    cotangents: dict[str, ArrayFacts]
    expected: tuple[ExpectedFacts, ...]
    sign_of_zero: bool = False
    """Whether a zero of the wrong sign counts."""

    unsupported: str = ""
    """Why an implementation does not support the case: written by whoever runs it; it is not judged then."""


class Manifest(msgspec.Struct, frozen=True):
    """What a folder of vectors holds."""

    assay: str
    arrays: str
    profiles: dict[str, dict[str, str]]
    """Declared rounding profiles by dtype, tightest first, with what each says."""

    largest: dict[str, float]
    """Largest finite number of each dtype: beyond it, infinity may stand for a number."""

    cases: tuple[CaseFacts, ...]
    format: int = FORMAT
    unasked: tuple[str, ...] = ()
    """What files cannot ask, and a check of a function does."""


def schema() -> dict[str, Any]:
    """JSON Schema of the manifest."""
    return msgspec.json.schema(Manifest)


def export(chosen: Iterable[Case], folder: Path, arrays: str = "npz") -> Manifest:
    """Write cases as files; those that break a constraint on purpose are left out.

    Args:
        chosen: the cases to write; stochastic layers have none, for their mask comes from the implementation.
        folder: where; it is made if it is missing.
        arrays: one of `FORMATS`.

    Raises:
        ValueError: there is no such format, or no case is left.
        ImportError: safetensors is not installed.
    """
    if arrays not in FORMATS:
        raise Usage(f"no format is called {arrays!r}; there are {', '.join(FORMATS)}")
    files: dict[str, Arrays] = {}
    facts = []
    for case in chosen:
        if case.valid and case.spec.recover is None:
            facts.append(_written(case, files.setdefault(case.spec.name, {}), arrays))
    if not facts:
        raise Usage("no case is left to export: stochastic specs and invalid cases have no vectors")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        _write(folder / f"{name}.{arrays}", content)
    used = dict.fromkeys(case.dtype for case in facts)
    declared = {name: {p.name: p.summary for p in profiles(name) if p.declared} for name in used}
    largest = {name: DTYPES[name].largest for name in used}
    manifest = Manifest(version(), arrays, declared, largest, tuple(facts), unasked=UNASKED)
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    (folder / SCHEMA).write_bytes(msgspec.json.format(msgspec.json.encode(schema())))
    return manifest


def _written(case: Case, content: Arrays, arrays: str) -> CaseFacts:
    """Put the arrays of a case among the others of its file."""
    expectation = Expectation(case)

    def put(role: str, name: str, array: Array) -> ArrayFacts:
        key = f"{case.id}:{role}.{name}"
        content[key] = array
        return ArrayFacts(key, array.dtype.name, array.shape)

    spec = case.spec
    cotangents = dict(zip(spec.outputs, expectation.cotangents, strict=True))
    return CaseFacts(
        id=case.id,
        spec=spec.name,
        file=f"{spec.name}.{arrays}",
        parameters={name: _json(value) for name, value in case.arguments.items()},
        dtype=case.dtype,
        data=case.data,
        inputs={i.name: put("input", i.name, expectation.inputs[i.name]) for i in case.sent},
        cotangents={name: put("cotangent", name, array) for name, array in cotangents.items()},
        expected=tuple(_expected(case, expectation, content)),
        sign_of_zero=spec.signed_zeros,
    )


def _expected(case: Case, expectation: Expectation, content: Arrays) -> list[ExpectedFacts]:
    """Values once, for they do not depend on the profile, and tolerances per declared profile."""
    declared = [profile for profile in profiles(case.dtype) if profile.declared]
    under = {profile.name: expectation.under(profile) for profile in declared}
    facts = []
    for number, wanted in enumerate(under[declared[0].name]):
        key = f"{case.id}:{wanted.name.replace('gradient of ', 'gradient.')}"
        content[f"{key}:value"] = wanted.value
        tolerance = {} if wanted.exact else {name: f"{key}:tolerance.{name}" for name in under}
        for name, where in tolerance.items():
            content[where] = np.array(under[name][number].tolerance)
        dtype = wanted.value.dtype.name if wanted.exact else case.dtype
        facts.append(
            ExpectedFacts(
                name=wanted.name,
                key=key,
                dtype=dtype,
                shape=wanted.value.shape,
                check=wanted.check,
                exact=wanted.exact,
                value=f"{key}:value",
                tolerance=tolerance,
            )
        )
    return facts


def _json(value: Any) -> Any:
    return list(map(_json, value)) if isinstance(value, tuple) else value


# --- what comes back ---


def judge_folder(folder: Path, admitted: tuple[str, ...] = ()) -> dict[str, Judgement]:
    """Judge the arrays in ``returned/`` of a folder of vectors, case by case.

    A file there is called like the one that went out, of either format. It holds the arrays under the
    ``key`` of each expected one; gradients may be left out as a whole. What the manifest itself, or
    `UNSUPPORTED`, says not to be supported is not judged.

    Raises:
        ValueError: the folder has no manifest, nothing came back, or what is said to be unsupported is no
            case of the manifest or came back all the same.
    """
    manifest = _read_manifest(folder)
    lacking = {case.id: case.unsupported for case in manifest.cases if case.unsupported.strip()}
    lacking |= _unsupported(folder / RETURNED / UNSUPPORTED, manifest)
    returned: dict[str, Arrays] = {}
    for name in dict.fromkeys(case.spec for case in manifest.cases):
        found = _find(folder / RETURNED, name)
        if found is not None:
            returned[name] = _read(found)
    if not returned and not lacking:
        raise Usage(f"nothing came back: put files such as {manifest.cases[0].file} into {folder / RETURNED}")
    judged = {}
    for case in manifest.cases:
        arrays = returned.get(case.spec, {})
        if case.id in lacking:
            twice = [e.key for e in case.expected if e.key in arrays]
            if twice:
                raise Usage(f"{case.id} is said to be unsupported, but {twice[0]!r} of it came back")
            judged[case.id] = Judgement("unsupported", "said so", lacking[case.id])
        elif case.spec in returned:
            judged[case.id] = _judged(case, arrays, admitted)
    return judged


def _unsupported(path: Path, manifest: Manifest) -> dict[str, str]:
    """The cases that are said to be unsupported, with the reason: the file maps ids, or globs, to it."""
    if not path.is_file():
        return {}
    try:
        said = msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except msgspec.DecodeError as error:
        raise Usage(f"{path} must map ids of cases, or globs, to reasons: {error}") from error
    found: dict[str, str] = {}
    for glob, reason in said.items():
        named = [case.id for case in manifest.cases if fnmatch.fnmatchcase(case.id, glob)]
        if not named or not reason.strip():
            wrong = "gives no reason" if named else "is no case of the manifest"
            raise Usage(f"{path}: {glob!r} {wrong}")
        found |= dict.fromkeys(named, reason)
    return found


def _judged(facts: CaseFacts, returned: Arrays, admitted: tuple[str, ...]) -> Judgement:
    wanted = [e for e in facts.expected if e.check != "gradients"]
    gradients = [e for e in facts.expected if e.check == "gradients"]
    asked = wanted + (gradients if any(e.key in returned for e in gradients) else [])
    missing = [e.key for e in asked if e.key not in returned]
    if missing:
        return Judgement("differs", "structure", f"there is no array {missing[0]!r}")
    arrays = {e.key: _typed(returned[e.key], e.dtype) for e in asked}
    answer = Answer(
        tuple(arrays[e.key] for e in wanted), tuple(arrays[e.key] for e in gradients if e.key in arrays)
    )
    expectation = Expectation(parse(facts.id, all_specs()))
    if gradients and not answer.gradients:
        expectation = Forward(expectation)
    return judge(expectation, answer, admitted)


def _typed(array: Array, dtype: str) -> Array:
    """The array with the dtype that its bits stand for."""
    return array.view(DTYPES[dtype].storage) if dtype == "bfloat16" and array.dtype == np.uint16 else array


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise Usage(f"there is no {path}; `assay export` writes one")
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
        raise Usage(f"{path} is no manifest of vectors: {error}") from error
    if manifest.format != FORMAT:
        raise Usage(f"{path} has format {manifest.format}; this assay reads format {FORMAT}")
    return manifest


def _find(folder: Path, name: str) -> Path | None:
    return next((path for kind in FORMATS if (path := folder / f"{name}.{kind}").is_file()), None)


# --- files of arrays ---


def _write(path: Path, content: Mapping[str, Array]) -> None:
    if path.suffix == ".npz":
        plain = {key: a.view(np.uint16) if a.dtype.name == "bfloat16" else a for key, a in content.items()}
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **plain)
        return
    from safetensors.numpy import save_file

    save_file({key: np.array(array, order="C") for key, array in content.items()}, path)


def _read(path: Path) -> Arrays:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    from safetensors.numpy import load_file

    return dict(load_file(path))


def selected(specs: Iterable[Spec], tier: str, dtypes: Sequence[str]) -> list[Case]:
    """The valid cases of a tier that can be exported, with the data and the sizes that kernels are asked."""
    found: dict[str, Case] = {}
    for spec in specs:
        if spec.recover is None:
            asked = [case for case in cases(spec, tier, dtypes=dtypes) if case.valid]
            beside = (case for dtype in dtypes for case in _beside(spec, dtype))
            found |= {case.id: case for case in (*asked, *beside)}
    return list(found.values())


WRITTEN = 2**12
"""Elements of a case at most that is written beside those of a tier."""


def _beside(spec: Spec, dtype: str) -> Iterator[Case]:
    """What kernels are asked and frameworks are not: data sets of their own, equal axes, a long one."""

    def may(case: Case) -> bool:
        return admitted(case, ()) and elements(case) <= WRITTEN

    plain = Case(spec, tuple(spec.defaults.items()), dtype, spec.data[0], spec.sizes[0])
    halves = DTYPES[dtype].u > DTYPES["float32"].u
    data = (dataclasses.replace(plain, data=name) for name in spec.kernel_only)
    for case in (*data, *equal(plain, may), *long(plain, may, halves)):
        if may(case) and _has_value(case):
            yield case


def _has_value(case: Case) -> bool:
    try:
        return bool(Expectation(case).forward())
    except (ValueError, IndexError, ZeroDivisionError):
        return False
