"""The audit: faults and controls put through the very cases and judge that frameworks get.

A fault must be caught, a control must pass. A fault that slips is looked at once more: its effect in each
case, computed without rounding, beside the error that the controls make. Where it nowhere moves a result
further than correct implementations do, there or on ordinary numbers, it is below the dtype's resolution.
"""

from __future__ import annotations

import functools
import itertools
import math
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any, Literal

import msgspec
import numpy as np

from ...numerics.dtypes import dtype
from ...numerics.profiles import Profile, profiles
from ...specs import all_specs
from ...specs.language.case import Case
from ...specs.language.cases import DTYPE_ORDER
from ...specs.language.spec import Spec
from ...specs.language.variant import Control, Fault
from ..judging.expectation import Expectation, Expected
from ..judging.judge import Answer, Judgement, judge
from ..judging.stochastic import is_stochastic, judge_stochastic, probes
from ..plan import selection
from .controls import GeneralControl, controls
from .controls import result as result_of_control
from .faults import GeneralFault, answers, faults
from .faults import answer as answer_of_fault
from .faults import result as result_of_fault
from .variants import Fingerprint, Result, correct, expected, fingerprint, forget

__all__ = ["AUDIT_FAILING", "Audit", "Entry", "audit", "run_audit"]

Array = np.ndarray[Any, Any]
AnyFault = Fault | GeneralFault
AnyControl = Control | GeneralControl
Distance = Callable[[Array, Array], float]

AuditOutcome = Literal[
    "caught",
    "left to standard",
    "slipped",
    "below resolution",
    "no effect",
    "passes",
    "false alarm",
    "unresolved",
    "blind",
]
"""Of faults the first five, of controls the next two (or ``no effect``: never asked), of cases the last two.

The smoke tier is chosen to catch nearly all that the standard tier does: what it lets slip is put to the
standard cases, and ``left to standard`` where one of them catches it.

An array in which no coarse fault is seen is ``blind``; ``unresolved`` where verdicts say so, because nothing
bounds it, or where the tightest profile shows the fault and only the looser one of a half type explains all.
"""

LARGEST = float(np.finfo(np.float64).max)
"""What stands for infinity, which JSON has not."""

STORED = 1.0
"""Units of roundoff by which storing a result may move it, whatever was computed."""

AUDIT_FAILING: tuple[AuditOutcome, ...] = ("slipped", "false alarm", "blind")

COARSE: tuple[Callable[[Array], Array], ...] = (np.zeros_like, lambda array: np.full_like(array, 3.0))
"""What an array may be in place of what is right: each array of each case must be told from one of these."""


class Entry(msgspec.Struct, frozen=True):
    """What came of one fault or control of a spec in a dtype, or a case that catches nothing.

    ``case`` is the one that caught the fault, raised the false alarm or came nearest to it, with its margin:
    the largest error over its tolerance. ``effect`` and ``noise`` stand beside a fault that was not caught:
    its effect in the case where it stands out most, and the error of correct implementations, in units of
    roundoff.
    """

    spec: str
    dtype: str
    kind: Literal["fault", "control", "case"]
    name: str
    general: bool
    outcome: AuditOutcome
    cases: int
    case: str = ""
    check: str = ""
    message: str = ""
    margin: float = 0.0
    effect: float = 0.0
    noise: float = 0.0

    @property
    def failing(self) -> bool:
        """Whether the audit fails of it."""
        return self.outcome in AUDIT_FAILING


class Audit(msgspec.Struct, frozen=True):
    """What came of an audit; ``complete`` says that it was not cut off."""

    tier: str
    complete: bool
    entries: tuple[Entry, ...]

    @property
    def specs(self) -> tuple[str, ...]:
        """Names of the specs that were audited."""
        return tuple(dict.fromkeys(entry.spec for entry in self.entries))

    @property
    def failing(self) -> tuple[Entry, ...]:
        """Faults that slipped, false alarms, and what a spec says itself that no case lets act.

        The last is told where the first dtype was audited, which meets every pair of options, and not in the
        few cases of the smoke tier.
        """
        partial = self.tier == "smoke" or DTYPE_ORDER[0] not in {e.dtype for e in self.entries}
        acting = {(e.spec, e.name) for e in self.entries if e.outcome != "no effect" or partial}
        idle = (e for e in self.entries if not e.general and (e.spec, e.name) not in acting)
        return (*(entry for entry in self.entries if entry.failing), *idle)


def _raised(spec: str, dtype_name: str, error: Exception) -> None:
    raise error


def run_audit(
    specs: Sequence[str],
    dtypes: Sequence[str],
    tier: str,
    seeds: Sequence[int] = (0,),
    jobs: int | None = None,
    on_done: Callable[[Sequence[Entry]], None] = lambda entries: None,
    share: int = 1,
    on_defect: Callable[[str, str, Exception], None] = _raised,
) -> Audit:
    """Audit specs in several processes; an interrupt or a killed process ends it and keeps what was learned.

    Args:
        specs: names of the specs.
        dtypes: formats, each audited by itself.
        tier: which cases, as for a run.
        seeds: numbers that the data sets are drawn from.
        jobs: processes; as many as there are cores if None.
        on_done: called with what came of a spec in a dtype from a seed.
        share: each general control is put to one of so many cases, see `audit`.
        on_defect: called with a spec, a dtype and what the audit of it raised, which is a defect of ours; the
            others go on.
    """
    # Arrays are small: threads of the linear algebra library would only get in each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    tasks = [(spec, dtype, tier, seed, share) for spec in specs for dtype in dtypes for seed in seeds]
    found: dict[int, list[Entry]] = {}
    complete = False
    with worker_pool(jobs) as pool:
        futures = {pool.submit(audit, *task): number for number, task in enumerate(tasks)}
        try:
            for future in as_completed(futures):
                number = futures[future]
                error = future.exception()
                if isinstance(error, Exception) and not isinstance(error, BrokenProcessPool):
                    on_defect(*tasks[number][:2], error)
                else:
                    found[number] = future.result()
                on_done(found.get(number, ()))
            complete = len(found) == len(tasks)
        except (KeyboardInterrupt, BrokenProcessPool):
            pool.shutdown(wait=False, cancel_futures=True)
    return Audit(tier, complete, tuple(entry for number in sorted(found) for entry in found[number]))


def worker_pool(jobs: int | None = None) -> ProcessPoolExecutor:
    """Processes that end with the one that asked for them, as many as there are cores if ``jobs`` is None."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs or os.cpu_count(), spawn, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A pool's process waits for work for ever if the one that gives it is killed."""

    def watch() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def audit(spec_name: str, dtype_name: str, tier: str, seed: int = 0, share: int = 1) -> list[Entry]:
    """Put every fault and control of a spec through its cases in one dtype.

    The general controls, which are most of the work, are put to one of ``share`` cases each, and to others
    than the control before; of the faults that follow from the spec one of ``share`` is put at all. What is
    written for the spec is put to all cases, and so is every control where a fault is to be told from their
    noise.
    """
    forget()
    spec = all_specs()[spec_name]
    questions = _AuditedCases(spec, dtype_name, tier, seed, share)
    return [
        *(_controlled(control, questions) for control in controls(spec, dtype_name)),
        *(_found(fault, questions) for fault in _shared(faults(spec), share)),
        *(blind for expectation in questions.all for blind in _blind(expectation, questions)),
    ]


class _AuditedCases:
    """The valid cases of a spec in one dtype, with their expectations."""

    def __init__(self, spec: Spec, dtype_name: str, tier: str, seed: int, share: int = 1) -> None:
        chosen = [case for case in selection(spec, tier, (dtype_name,)) if case.valid]
        self.spec, self.dtype, self.tier, self._seed, self._share = spec, dtype_name, tier, seed, share
        self.all = [expected(Case(spec, c.parameters, c.dtype, c.data, c.size, seed)) for c in chosen]
        self._noise: dict[Expectation, list[float]] = {}
        self._judgements: dict[tuple[Expectation, Fingerprint], Judgement] = {}
        self._ordinary: dict[str, float] = {}
        self._general = [c for c in controls(spec, dtype_name) if isinstance(c, GeneralControl)]

    @functools.cached_property
    def standard(self) -> _AuditedCases:
        """Those of the standard tier, no control put yet: they are heard if a fault is not caught."""
        return _AuditedCases(self.spec, self.dtype, "standard", self._seed, share=0)

    def of(self, control: AnyControl) -> list[Expectation]:
        """The questions that are put to a control."""
        if not isinstance(control, GeneralControl):
            return self.all
        return self.all[self._general.index(control) % self._share :: self._share]

    def hear_everywhere(self) -> bool:
        """Hear the controls where they were not put; whether there was anything left to hear."""
        left = self._share != 1
        if left:
            for control, expectation in itertools.product(controls(self.spec, self.dtype), self.all):
                if result := result_of_control(control, expectation):
                    self.hear(expectation, result)
        self._share = 1
        return left

    def hear(self, expectation: Expectation, result: Result) -> None:
        """Note how far a control lies from what is right."""
        errors = _compare(result, expectation, _farthest)
        self._noise[expectation] = list(map(max, self._noise.get(expectation, errors), errors))
        if expectation.case.data == self.spec.data[0]:
            typical = zip(_arrays_of(expectation), _compare(result, expectation, _ordinary), strict=True)
            self._ordinary |= {name: max(error, self._ordinary.get(name, 0.0)) for name, error in typical}

    def judged(self, fault: AnyFault, expectation: Expectation, answer: Answer) -> Judgement:
        """The verdict on what a fault returned; equal answers to one question are judged once."""
        once = isinstance(fault, GeneralFault) and fault.draws_once
        again = functools.partial(answer_of_fault, fault)
        if is_stochastic(expectation.case):
            return _judged(expectation, answer, again, once)
        key = expectation, fingerprint(answer)
        if key not in self._judgements:
            self._judgements[key] = _judged(expectation, answer, again, once)
        return self._judgements[key]

    def noise(self, expectation: Expectation) -> list[float]:
        """How far correct implementations may be off: storing, this case, and ordinary numbers."""
        ordinary = [self._ordinary.get(name, 0.0) for name in _arrays_of(expectation)]
        here = self._noise.get(expectation, ordinary)
        return [max(STORED, *pair) for pair in zip(here, ordinary, strict=True)]


def _arrays_of(expectation: Expectation) -> tuple[str, ...]:
    """Names of outputs, states and gradients."""
    spec = expectation.case.spec
    return (*spec.outputs, *spec.states, *(f"gradient of {name}" for name in expectation.wrt))


# --- controls ---


def _controlled(control: AnyControl, questions: _AuditedCases) -> Entry:
    put, nearest, where = 0, 0.0, ""
    for expectation in questions.of(control):
        result = result_of_control(control, expectation)
        if result is None:
            continue
        put += 1
        questions.hear(expectation, result)
        judgement = _judged(expectation, result.stored(expectation.case), functools.partial(_stored, control))
        margin = _margin(judgement)
        if judgement.failing:
            alarm = judgement.check, judgement.message, margin
            return _entry(questions, control, "false alarm", put, expectation.case.id, *alarm)
        if margin >= nearest:
            nearest, where = margin, expectation.case.id
    return _entry(questions, control, "passes" if put else "no effect", put, where, margin=nearest)


def _blind(expectation: Expectation, questions: _AuditedCases) -> Iterator[Entry]:
    """The arrays of a case that may be anything: none of the coarsest faults is seen in them."""
    right = correct(expectation).stored(expectation.case)
    case = expectation.case.id
    for place, name in enumerate(_arrays_of(expectation)):
        coarse = [answer for answer in _spoilt(right, place) if answer.digest != right.digest]
        if not coarse or _seen(expectation, coarse):
            continue
        said_so = all(judge(expectation, one, explain=False).outcome == "unresolved" for one in coarse)
        known = said_so or _seen(_Tightest(expectation), coarse)
        outcome: AuditOutcome = "unresolved" if known else "blind"
        said = f"every {name} would pass here"
        yield Entry(questions.spec.name, questions.dtype, "case", case, True, outcome, 1, case, message=said)


def _seen(expectation: Expectation, answers: Sequence[Answer]) -> bool:
    """Whether the judge objects to one of the answers."""
    return any(judge(expectation, answer, explain=False).failing for answer in answers)


class _Tightest(Expectation):
    """An expectation that knows the tightest profile of its dtype alone."""

    def __init__(self, whole: Expectation) -> None:
        vars(self).update(vars(whole))
        self._whole = whole

    def under(self, profile: Profile) -> tuple[Expected, ...]:
        return self._whole.under(profiles(self.case.dtype)[0])


def _spoilt(right: Answer, place: int) -> Iterator[Answer]:
    """The right answer with the array at a place, counted over outputs and gradients, replaced by others."""
    count = len(right.outputs)
    for spoil in COARSE:
        arrays = [*right.outputs, *right.gradients]
        arrays[place] = spoil(arrays[place])
        yield replace(right, outputs=tuple(arrays[:count]), gradients=tuple(arrays[count:]))


def _stored(control: AnyControl, expectation: Expectation) -> Answer | None:
    result = result_of_control(control, expectation)
    return result.stored(expectation.case) if result else None


# --- faults ---


def _shared(every: Sequence[AnyFault], share: int) -> Iterator[AnyFault]:
    """All faults but, of those that may be idle, one of ``share``."""
    idle = itertools.count()
    yield from (fault for fault in every if not _may_be_idle(fault) or next(idle) % share == 0)


def _may_be_idle(fault: AnyFault) -> bool:
    return isinstance(fault, GeneralFault) and fault.may_be_idle


def _found(fault: AnyFault, questions: _AuditedCases) -> Entry:
    """What came of a fault, in the standard cases too where it slips through those of smoke."""
    entry = _faulty(fault, questions)
    if entry.outcome != "slipped" or questions.tier != "smoke":
        return entry
    beyond = _faulty(fault, questions.standard)
    if beyond.outcome == "caught":
        return msgspec.structs.replace(
            beyond, outcome="left to standard", effect=entry.effect, noise=entry.noise
        )
    return beyond


def _faulty(fault: AnyFault, questions: _AuditedCases) -> Entry:
    put, nearest, where = 0, 0.0, ""
    for expectation, answer in answers(fault, questions.all):
        put += 1
        judgement = questions.judged(fault, expectation, answer)
        margin = _margin(judgement)
        if judgement.failing:
            facts = judgement.check, judgement.message, margin
            return _entry(questions, fault, "caught", put, expectation.case.id, *facts)
        if margin >= nearest:
            nearest, where = margin, expectation.case.id
    if not put and _may_be_idle(fault):
        return _entry(questions, fault, "no effect", put)
    return _uncaught(fault, questions, put, nearest, where)


def _uncaught(fault: AnyFault, questions: _AuditedCases, put: int, margin: float, where: str) -> Entry:
    """Whether a fault that no case caught has an effect above the noise of correct implementations."""
    largest = effect = noise = 0.0
    for expectation in questions.all:
        for moved, errs in _effects(fault, expectation, questions):
            excess = moved / errs if errs else math.inf
            if moved and excess >= largest:
                largest, effect, noise, where = excess, moved, errs, expectation.case.id
    if largest > 1 and questions.hear_everywhere():
        return _uncaught(fault, questions, put, margin, where)
    outcome: AuditOutcome = "no effect" if not effect else "below resolution" if largest <= 1 else "slipped"
    return _entry(questions, fault, outcome, put, where, margin=margin, effect=effect, noise=noise)


def _effects(
    fault: AnyFault, expectation: Expectation, questions: _AuditedCases
) -> Iterator[tuple[float, float]]:
    """How far the fault moves each array, and how far correct implementations are off there."""
    result = result_of_fault(fault, expectation)
    if result is None or any(
        w.shape != r.shape for w, r in zip(result.arrays, correct(expectation).arrays, strict=True)
    ):
        return
    yield from zip(_compare(result, expectation, _farthest), questions.noise(expectation), strict=True)


# --- both ---


def _judged(
    expectation: Expectation,
    answer: Answer,
    again: Callable[[Expectation], Answer | None],
    once: bool = False,
) -> Judgement:
    """The verdict of a run, but for what would explain it: a stochastic layer is asked with two seeds.

    Args:
        expectation: the question.
        answer: what the variant returns.
        again: what it returns to another question, None where that is what is right.
        once: whether it draws the same whatever the seed.
    """
    if not is_stochastic(expectation.case):
        return judge(expectation, answer, explain=False)
    other = expectation if once else expected(expectation.case, seed=1)

    def put(asked: Expectation) -> Answer:
        return again(asked) or correct(asked).stored(asked.case)

    pairs = [(put(expectation.asking(p)), put(other.asking(p))) for p in probes(expectation)]
    return judge_stochastic(expectation, answer, pairs or [(answer, put(other))], explain=False)


def _margin(judgement: Judgement) -> float:
    return max((m.worst for m in judgement.margins), default=0.0)


def _compare(result: Result, expectation: Expectation, distance: Distance) -> list[float]:
    """Distance of each array from what is right, in units of roundoff."""
    form = dtype(expectation.case.dtype)
    with np.errstate(all="ignore"):
        return [
            distance(_difference(wrong, right), form.u * np.abs(right) + form.smallest_subnormal)
            for wrong, right in zip(result.arrays, correct(expectation).arrays, strict=True)
        ]


def _difference(wrong: Array, right: Array) -> Array:
    """Infinite where NaN or an infinity stands on one side only."""
    same = (wrong == right) | (np.isnan(wrong) & np.isnan(right))
    difference = np.abs(np.subtract(wrong, right, dtype=np.float64))
    return np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))


def _farthest(difference: Array, unit: Array) -> float:
    """The largest distance of an element."""
    return float((difference / unit).max(initial=0.0))


def _ordinary(difference: Array, unit: Array) -> float:
    """The largest distance of an element that has not cancelled: one of at least the RMS of all."""
    known = np.isfinite(difference) & np.isfinite(unit)
    if not known.any():
        return 0.0
    ordinary = known & (unit >= np.sqrt(np.mean(np.square(unit[known]))))
    return float((difference[ordinary] / unit[ordinary]).max(initial=0.0))


def _entry(
    questions: _AuditedCases,
    variant: AnyFault | AnyControl,
    outcome: AuditOutcome,
    put: int,
    case: str = "",
    check: str = "",
    message: str = "",
    margin: float = 0.0,
    effect: float = 0.0,
    noise: float = 0.0,
) -> Entry:
    return Entry(
        spec=questions.spec.name,
        dtype=questions.dtype,
        kind="control" if isinstance(variant, Control | GeneralControl) else "fault",
        name=variant.name,
        general=not (isinstance(variant, Control | Fault) or getattr(variant, "essential", False)),
        outcome=outcome,
        cases=put,
        case=case,
        check=check,
        message=message,
        margin=min(margin, LARGEST),
        effect=min(effect, LARGEST),
        noise=min(noise, LARGEST),
    )
