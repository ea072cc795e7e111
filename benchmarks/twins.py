"""List the hand-written faults that follow from their spec, and so need not be written.

    python benchmarks/twins.py            # of every spec, minutes
    python benchmarks/twins.py gelu lstm

A twin gives, in every case of the standard tier in which it acts, the stored answer of a generated or general
fault, bit for bit, and acts wherever that does under the same options: what shows at some sizes or data alone
is no twin. Outputs and gradients may have a twin each, and the values that an option may take for one
another count together. Only what the judge catches of both is told: nothing is lost with it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.harness.auditing import audit as auditing
from assay.harness.auditing.faults import GENERAL, answer
from assay.harness.auditing.generated import generated
from assay.harness.auditing.variants import GeneralFault, correct, forget
from assay.harness.judging.expectation import Expectation
from assay.specs import all_specs
from assay.specs.language.cases import DTYPE_ORDER
from assay.specs.language.spec import Spec
from assay.specs.language.variant import Fault
from assay.specs.variants import faults_of

Group = str
"""A fault's name; for one value of an option in the place of another, that of all of them."""

Groups = dict[Group, list[GeneralFault]]

Halves = tuple[str, str]
"""Digests of the outputs and of the gradients; empty where they are right."""


@dataclass
class Suspect:
    """A hand-written fault, and the groups that have given the same wrong outputs, and gradients, so far."""

    fault: Fault
    returned: list[Halves | None]
    alike: list[set[Group] | None] = field(default_factory=lambda: [None, None])
    options: set[Any] = field(default_factory=set)
    """Those under which it makes a difference."""

    @property
    def acts(self) -> bool:
        """Whether it makes a difference at all."""
        return any(self.returned)

    @property
    def is_twin(self) -> bool:
        """Whether all that it does is done by others."""
        return self.acts and all(groups is None or groups for groups in self.alike)


VALUE_FOR_VALUE = re.compile(r"(\w+) .+ for .+?(, in the gradient)?")
"""The name of a fault that takes one value of an option for another."""


def grouped(faults: Iterable[GeneralFault]) -> dict[Group, list[GeneralFault]]:
    """The faults by group."""
    found: dict[Group, list[GeneralFault]] = {}
    for fault in faults:
        option = VALUE_FOR_VALUE.fullmatch(fault.name)
        group = f"{option[1]} for another{option[2] or ''}" if option else fault.name
        found.setdefault(group, []).append(fault)
    return found


def suspects(faults: Sequence[Fault], groups: Groups, questions: Sequence[Expectation]) -> list[Suspect]:
    """The faults, each with the groups that no question tells it from."""
    found = [Suspect(fault, [halves(e, fault) for e in questions]) for fault in faults]
    for suspect in found:
        pairs = zip(questions, suspect.returned, strict=True)
        suspect.options = {e.case.parameters for e, returned in pairs if returned}
    for place, expectation in enumerate(questions):
        given = _Given(expectation)
        for suspect in found:
            if mine := suspect.returned[place]:
                _leave_equal(suspect, mine, groups, given)
            elif expectation.case.parameters in suspect.options:
                _leave_idle(suspect, groups, given)
    return found


class _Given:
    """What faults return to a question, each asked once."""

    def __init__(self, expectation: Expectation) -> None:
        self.expectation, self.known = expectation, dict[str, Halves | None]()

    def __call__(self, fault: GeneralFault) -> Halves | None:
        if fault.name not in self.known:
            self.known[fault.name] = halves(self.expectation, fault)
        return self.known[fault.name]


def _leave_equal(suspect: Suspect, mine: Halves, groups: Groups, given: _Given) -> None:
    """Leave the groups that give the same here, too."""
    for side, wrong in enumerate(mine):
        if wrong:
            wanted = (wrong, "") if side == 0 else ("", wrong)
            left = groups if suspect.alike[side] is None else suspect.alike[side]
            suspect.alike[side] = {g for g in left or () if any(given(f) == wanted for f in groups[g])}


def _leave_idle(suspect: Suspect, groups: Groups, given: _Given) -> None:
    """Leave the groups that make no difference here either, under options under which the fault does."""
    for side, names in enumerate(suspect.alike):
        if names:
            suspect.alike[side] = {g for g in names if not any(given(f) for f in groups[g])}


def halves(expectation: Expectation, fault: Fault | GeneralFault) -> Halves | None:
    """What a fault returns; None where it makes no difference, or something else than other numbers."""
    try:
        with np.errstate(all="ignore"):
            found = answer(fault, expectation)
    except IndexError:  # the fault reads indices that the case means to be out of range
        return None
    if found is None or found.error or found.gradient_error or not found.repeats:
        return None
    right = correct(expectation).stored(expectation.case)
    outputs, gradients = digest(found.outputs), digest(found.gradients)
    return (
        "" if outputs == digest(right.outputs) else outputs,
        "" if gradients == digest(right.gradients) else gradients,
    )


def digest(arrays: Sequence[np.ndarray]) -> str:
    fingerprint = hashlib.blake2b(digest_size=8)
    for array in arrays:
        fingerprint.update(f"{array.dtype}{array.shape}".encode())
        fingerprint.update(array.tobytes())
    return fingerprint.hexdigest()


def twins(spec: Spec, faults: Sequence[Fault]) -> dict[str, list[str]]:
    """By name those of the faults that follow from the spec, each with what gives the same.

    The few cases of the smoke tier clear most of them.
    """
    forget()
    groups = grouped([*generated(spec), *GENERAL])
    few, many = (auditing._AuditedCases(spec, DTYPE_ORDER[0], tier, 0) for tier in ("smoke", "standard"))
    open_ones = [s.fault for s in suspects(faults, groups, few.all) if s.is_twin or not s.acts]
    found = {}
    for suspect in suspects(open_ones, groups, many.all):
        alike = [names & _seen(groups, names, many) for names in suspect.alike if names is not None]
        if suspect.is_twin and all(alike) and auditing._faulty(suspect.fault, many).outcome == "caught":
            found[suspect.fault.name] = [min(names, key=len) for names in alike]
    return found


def _seen(groups: Groups, names: Iterable[Group], questions: auditing._AuditedCases) -> set[Group]:
    """The groups of which the judge catches each fault that makes a difference."""
    outcomes = {name: {auditing._faulty(f, questions).outcome for f in groups[name]} for name in names}
    return {n for n, found in outcomes.items() if "caught" in found and found <= {"caught", "no effect"}}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("specs", nargs="*", default=list(all_specs()))
    for name in parser.parse_args().specs:
        spec = all_specs()[name]
        for fault, others in twins(spec, faults_of(spec)).items():
            print(f"{name}: {fault} = {' and '.join(others)}", flush=True)


if __name__ == "__main__":
    main()
