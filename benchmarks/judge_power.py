"""How well assay's judge tells faults from rounding, beside the rules in use today.

    python benchmarks/judge_power.py --tier standard --seeds 20 --jobs 2

writes docs/judge-power.md. Every rule is given the same answers to the same cases, expected values that are
correctly rounded, and the same check of shapes and dtypes. A *false alarm* is a control, of one spec, dtype
and seed, that fails in some case. A *miss* is a fault that no case catches although it can be seen: one that
is not below the resolution of the dtype. Faults and the first seed are put through the tier asked for, the
other seeds through the smoke tier.
"""

from __future__ import annotations

import argparse
import collections
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import numpy as np
from rich.progress import track

from assay.harness.auditing import audit as auditing
from assay.harness.auditing.controls import controls
from assay.harness.auditing.controls import result as result_of_control
from assay.harness.auditing.faults import answer as answer_of_fault
from assay.harness.auditing.faults import faults
from assay.harness.auditing.variants import correct, forget, simulated
from assay.harness.judging.expectation import Expectation
from assay.harness.judging.judge import Answer, Judgement
from assay.numerics.dtypes import DTYPES, widen
from assay.numerics.simulated import Arithmetic
from assay.specs import all_specs
from assay.specs.language.cases import DTYPE_ORDER, TIERS

HERE = Path(__file__).resolve().parent
Array = np.ndarray[Any, Any]
Rule = Callable[[Array, Array, Array, str], bool]
"""Whether ``got`` passes for ``expected``, given a ``baseline``'s answer and the name of the dtype."""


def within(rtol: float, atol: float) -> Rule:
    """``|got - expected| <= atol + rtol |expected|`` everywhere; NaN equals NaN, in favour of the rule."""
    return lambda got, expected, baseline, dtype: bool(np.allclose(got, expected, rtol, atol, equal_nan=True))


def torch_defaults(got: Array, expected: Array, baseline: Array, dtype: str) -> bool:
    """The table of torch.testing.assert_close."""
    rtol, atol = {
        "float16": (1e-3, 1e-5),
        "bfloat16": (1.6e-2, 1e-5),
        "float32": (1.3e-6, 1e-5),
        "float64": (1e-7, 1e-7),
    }[dtype]
    return within(rtol, atol)(got, expected, baseline, dtype)


def twice_the_baseline(got: Array, expected: Array, baseline: Array, dtype: str) -> bool:
    """The largest error is at most twice that of a plain implementation in the dtype; kinds must agree."""
    with np.errstate(invalid="ignore"):
        errors = [np.where(a == expected, 0.0, np.abs(a - expected)) for a in (got, baseline)]
    if not np.array_equal(np.isnan(got), np.isnan(expected)):
        return False
    mine, theirs = (float(np.nanmax(e, initial=0.0)) for e in errors)
    return mine <= 2 * theirs


RULES: dict[str, Rule] = {
    "torch.testing.assert_close": torch_defaults,
    "ONNX, 1e-3 and 1e-7": within(1e-3, 1e-7),
    "kernel benchmarks, 1e-2 and 1e-2": within(1e-2, 1e-2),
    "Keras, 1e-6 and 1e-6": within(1e-6, 1e-6),
    "numpy.allclose": within(1e-5, 1e-8),
    "twice the error of a baseline": twice_the_baseline,
}
"""Rules in use today, with relative and absolute tolerance."""

ASSAY = "assay"


Task = tuple[str, str, str, int]
"""A spec, a dtype, a tier and a seed."""


class Tally(msgspec.Struct):
    """What the rules made of one spec in one dtype, under one seed."""

    spec: str
    dtype: str
    tier: str
    seed: int
    controls: int
    faults: int
    hidden: int
    alarms: dict[str, list[str]]
    misses: dict[str, list[str]]


def tally(task: Task) -> Tally:
    """Put the faults and controls of a spec to every rule; faults only with the first seed."""
    name, dtype, tier, seed = task
    spec = all_specs()[name]
    forget()
    questions = auditing._AuditedCases(spec, dtype, tier, seed)
    alarms: dict[str, list[str]] = collections.defaultdict(list)
    misses: dict[str, list[str]] = collections.defaultdict(list)
    for control in controls(spec, dtype):
        for rule in failing_rules(control_answers(control, questions), stop=False):
            alarms[rule].append(control.name)
    visible = hidden = 0
    for fault in faults(spec) if seed == 0 else ():
        caught = failing_rules(fault_answers(fault, questions), stop=True)
        if ASSAY not in caught:
            outcome = auditing._uncaught(fault, questions, 0, 0.0, "").outcome
            hidden += outcome == "below resolution"
            if outcome != "slipped":
                continue
        visible += 1
        for rule in (ASSAY, *RULES):
            if rule not in caught:
                misses[rule].append(fault.name)
    asked = len(controls(spec, dtype))
    return Tally(name, dtype, tier, seed, asked, visible, hidden, dict(alarms), dict(misses))


Put = tuple[Expectation, Answer, Callable[[Expectation], Answer | None], bool]
"""A question, the answer, what answers it again, and whether the seed makes no difference."""


def control_answers(control: auditing.AnyControl, questions: auditing._AuditedCases) -> Iterator[Put]:
    """The control's answers, noted as what correct implementations do."""
    for expectation in questions.all:
        result = result_of_control(control, expectation)
        if result is not None:
            questions.hear(expectation, result)
            again = functools.partial(auditing._stored, control)
            yield expectation, result.stored(expectation.case), again, False


def fault_answers(fault: auditing.AnyFault, questions: auditing._AuditedCases) -> Iterator[Put]:
    """The fault's answers where it makes a difference."""
    again = functools.partial(answer_of_fault, fault)
    once = getattr(fault, "draws_once", False)
    for expectation in questions.all:
        if (answer := again(expectation)) is not None:
            yield expectation, answer, again, once


def failing_rules(answers: Iterable[Put], stop: bool) -> set[str]:
    """The rules that some answer fails; ``stop`` once all have failed one."""
    failing: set[str] = set()
    for expectation, answer, again, once in answers:
        judgement = auditing._judged(expectation, answer, again, once)
        if judgement.failing:
            failing.add(ASSAY)
        others = (name for name in RULES if name not in failing)
        failing |= {name for name in others if fails(name, expectation, answer, judgement)}
        if stop and len(failing) == 1 + len(RULES):
            break
    return failing


def fails(name: str, expectation: Expectation, answer: Answer, judgement: Judgement) -> bool:
    """Whether an answer fails a rule; what has no values to compare, or no randomness, fails them all."""
    if judgement.check in ("structure", "raised", "repeats", "randomness"):
        return True
    case = expectation.case
    got = (*answer.outputs, *answer.gradients)
    wanted, baseline = (correct(expectation).stored(case), plain(expectation))
    pairs = zip(got, arrays(wanted), arrays(baseline), strict=True)
    return not all(RULES[name](*map(as_float, three), case.dtype) for three in pairs)


@functools.lru_cache(maxsize=1024)
def plain(expectation: Expectation) -> Answer:
    """The baseline: the reference in the dtype's own arithmetic, sums in order."""
    working = DTYPES[expectation.case.dtype]
    return simulated(expectation, Arithmetic(working)).stored(expectation.case)


def arrays(answer: Answer) -> tuple[Array, ...]:
    return (*answer.outputs, *answer.gradients)


def as_float(array: Array) -> Array:
    return widen(array) if array.dtype.kind not in "biu" else array.astype(np.float64)


def render(tallies: Sequence[Tally], tier: str, seeds: int, dtypes: Sequence[str]) -> str:
    """The page."""
    rules = (ASSAY, *RULES)
    first = [t for t in tallies if t.faults or t.hidden]
    totals = {
        rule: (
            sum(len(t.alarms.get(rule, ())) for t in tallies),
            sum(len(t.misses.get(rule, ())) for t in first),
        )
        for rule in rules
    }
    by_dtype = {
        rule: {
            dtype: (
                sum(len(t.alarms.get(rule, ())) for t in tallies if t.dtype == dtype),
                sum(len(t.misses.get(rule, ())) for t in first if t.dtype == dtype),
            )
            for dtype in dtypes
        }
        for rule in rules
    }
    measured_tiers = msgspec.json.decode((HERE / "smoke_power.json").read_bytes())
    tiers = environment().get_template("smoke_power.md.jinja").render(tiers=measured_tiers)
    return (
        environment()
        .get_template("judge_power.md.jinja")
        .render(
            power=tiers,
            totals=totals,
            by_dtype=by_dtype,
            dtypes=dtypes,
            controls=sum(t.controls for t in tallies),
            faults=sum(t.faults for t in first),
            hidden=sum(t.hidden for t in first),
            specs=len({t.spec for t in tallies}),
            left_out=sorted(set(all_specs()) - {t.spec for t in tallies}),
            tier=tier,
            seeds=seeds,
            examples=examples(first),
        )
    )


def examples(tallies: Sequence[Tally]) -> dict[str, list[str]]:
    """Some faults that each rule misses, most telling first: those of a spec in float32."""
    found: dict[str, list[str]] = {}
    for rule in RULES:
        missed = [f"{t.spec}: {n}" for t in tallies if t.dtype == "float32" for n in t.misses.get(rule, ())]
        found[rule] = missed[:: max(1, len(missed) // 5)][:5]
    return found


def plot(tallies: Sequence[Tally]) -> str:
    """Misses and false alarms of each rule in percent, as SVG."""
    first = [t for t in tallies if t.faults or t.hidden]
    controls = max(1, sum(t.controls for t in tallies))
    faults = max(1, sum(t.faults for t in first))
    bars = [
        {
            "rule": rule,
            "misses": 100 * sum(len(t.misses.get(rule, ())) for t in first) / faults,
            "alarms": 100 * sum(len(t.alarms.get(rule, ())) for t in tallies) / controls,
        }
        for rule in (ASSAY, *RULES)
    ]
    return environment().get_template("judge_power.svg.jinja").render(bars=bars)


def environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(HERE)
    return jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True, autoescape=False)


def measured(tasks: Sequence[Task], kept: Path, jobs: int) -> list[Tally]:
    """The tallies of all tasks: those kept before, and those that are missing, each kept when it is done."""
    lines = kept.read_bytes().splitlines() if kept.exists() else []
    known = [msgspec.json.decode(line, type=Tally) for line in lines]
    done = {(t.spec, t.dtype, t.tier, t.seed): t for t in known}
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("ab") as file, auditing.worker_pool(jobs) as pool:
        missing = {pool.submit(tally, task): task for task in tasks if task not in done}
        for future in track(as_completed(missing), "judge power", len(missing)):
            done[missing[future]] = one = future.result()
            file.write(msgspec.json.encode(one) + b"\n")
            file.flush()
    return [done[task] for task in tasks]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tier", choices=TIERS, default="smoke")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--spec", nargs="*", default=sorted(all_specs()))
    parser.add_argument("--dtype", nargs="*", choices=DTYPE_ORDER, default=DTYPE_ORDER)
    parser.add_argument("--kept", type=Path, default=HERE.parent / ".judge-power" / "tallies.jsonl")
    parser.add_argument("--out", type=Path, default=HERE.parent / "docs")
    asked = parser.parse_args()
    tasks = [
        (spec, dtype, "smoke" if seed else asked.tier, seed)
        for seed in range(asked.seeds)
        for spec in asked.spec
        for dtype in asked.dtype
    ]
    tallies = measured(tasks, asked.kept, asked.jobs)
    (asked.out / "judge-power.svg").write_text(plot(tallies))
    page = render(tallies, asked.tier, asked.seeds, asked.dtype)
    (asked.out / "judge-power.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
