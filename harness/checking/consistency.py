"""Facts of a kernel's calls: whether they repeat, and whether a value depends on its batch or its place.

They are told, and fail nothing by themselves: a sum in another order is no error. Where a user asks for
determinism, or two places differ by more than rounding explains, they do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...adapters.kernel.memory import PATTERNS
from ...numerics.dtypes import decode
from ..judging.expectation import Expectation
from ..judging.judge import Answer
from ..running.processes import Crashed, Hung
from .batches import Batch, batches
from .checks import Failure
from .examination import Examiner
from .kernels import Reply
from .probes import Probe

__all__ = ["Consistency"]

Array = np.ndarray[Any, Any]

ALONE = 8
"""Samples of a batch that are asked alone at most."""

LENGTHS = (1, 7, 33)
"""How often one sample is repeated, to fill vectors and to leave a rest."""


class Consistency:
    """Asks further calls of one case.

    Args:
        examiner: what puts calls to the kernel; its notes say what was seen.
        fail: called with a failure of a probe.
        passed: counts what passes, by check.
    """

    def __init__(
        self, examiner: Examiner, fail: Callable[[Probe, Failure], None], passed: Counter[str]
    ) -> None:
        self.examiner, self.fail, self.passed = examiner, fail, passed

    def examine(self, probe: Probe, lanes: bool = True) -> None:
        """Everything, single places among it if ``lanes``; an end of the process ends it."""
        expectation = self.examiner.expectation(probe.case)
        try:
            first = self.examiner.ask(expectation, probe, PATTERNS[0])
            if "outputs" in first:
                self._repeats(expectation, probe, first)
                self._batch(expectation, probe, first)
                if lanes:
                    self._lanes(probe)
        except (Crashed, Hung):
            return

    # --- repeats ---

    def _repeats(self, expectation: Expectation, probe: Probe, first: Reply) -> None:
        calls = [
            self.examiner.ask(expectation, probe, PATTERNS[0])
            for _ in range(self.examiner.options.repeats - 1)
        ]
        for which, whose in (("outputs", "calls"), ("gradients", "backward passes")):
            others = sum(reply.get(which) != first.get(which) for reply in calls)
            if not others:
                continue
            message = f"{others} of {len(calls)} further {whose} on the same inputs gave other bits"
            if self.examiner.options.deterministic:
                self.fail(probe, Failure("repeats", message))
            else:
                self.examiner.notes["repeats"] = message
            return
        if "repeats" not in self.examiner.notes:
            self.passed["repeats"] += 1
            self.examiner.notes["repeats"] = f"{self.examiner.options.repeats} calls gave the same bits"

    # --- batch ---

    def _batch(self, expectation: Expectation, probe: Probe, first: Reply) -> None:
        """Ask samples alone, along the first axis on which the reference treats samples one by one."""
        batch = next(batches(expectation), None)
        if batch is None:
            self.examiner.notes["batch"] = "not asked: no axis along which samples are independent"
            return
        whole = [decode(*wire) for wire in first["outputs"]]
        differing, asked = 0, _spread(batch.length)
        for index in asked:
            reply = self._ask(expectation, probe, batch.alone(expectation.inputs, index))
            if "outputs" not in reply:
                error = reply.get("error", "")
                self.examiner.notes["batch"] = f"a batch of one along {batch.name} raises {error}"
                return
            alone = [decode(*wire) for wire in reply["outputs"]]
            differing += [a.tobytes() for a in alone] != [y.tobytes() for y in batch.parts(whole, index)]
        if differing:
            self.examiner.notes["batch"] = (
                f"{differing} of {len(asked)} samples along {batch.name} have other bits alone"
            )
        else:
            self.passed["batch"] += 1
            whose = "each sample" if len(asked) == batch.length else f"each of {len(asked)} samples"
            self.examiner.notes["batch"] = f"{whose} along {batch.name} has the same bits alone"

    # --- lanes ---

    def _lanes(self, probe: Probe) -> None:
        """Repeat one sample along each axis of independent samples: all places must get the same bits."""
        case = probe.case
        if "edges" in case.spec.kernel_only:
            case = replace(case, data="edges")
        expectation = self.examiner.expectation(case)
        asked, message = [], ""
        for batch in batches(expectation):
            asked.append(batch.name)
            for told, failing in self._differing(expectation, replace(probe, case=case), batch):
                message = message or told
                if failing is not None:
                    self.fail(replace(probe, case=case), failing)
                    return
        if message:
            self.examiner.notes["lanes"] = message
        elif asked:
            self.passed["lanes"] += 1
            along = " and ".join(asked)
            self.examiner.notes["lanes"] = (
                f"one sample, repeated along {along}, gives the same bits everywhere"
            )
        else:
            self.examiner.notes["lanes"] = "not asked: no axis along which samples are independent"

    def _differing(
        self, expectation: Expectation, probe: Probe, batch: Batch
    ) -> Iterator[tuple[str, Failure | None]]:
        """Places that get other bits than the sample alone, and a failure where rounding explains none."""
        lengths = LENGTHS[::2] if self.examiner.facts.compiles else LENGTHS
        ways = [(length, "contiguous") for length in lengths]
        ways += [(LENGTHS[-1], "offset")] if self.examiner.facts.watched else []
        for index in dict.fromkeys((0, batch.length // 2, batch.length - 1)):
            known: list[bytes] = []
            for length, layout in ways:
                inputs = batch.repeated(expectation.inputs, index, length)
                reply = self._ask(expectation, replace(probe, layout=layout), inputs)
                if "outputs" not in reply:
                    continue
                outputs = [decode(*wire) for wire in reply["outputs"]]
                known = known or [y.tobytes() for y in batch.parts(outputs, 0)]
                place = _other(batch, outputs, known, length)
                if place is not None:
                    where = f"index {place} of {length} along {batch.name}"
                    shifted = ", one element past the alignment" if layout == "offset" else ""
                    told = f"the same sample has other bits at {where}{shifted}"
                    yield told, self._failure(expectation, inputs, reply, told)

    def _failure(
        self, expectation: Expectation, inputs: Mapping[str, Array], reply: Reply, told: str
    ) -> Failure | None:
        """A failure, if rounding does not explain what the places hold."""
        answer = replace(Answer.from_reply(dict(reply)), gradients=())
        judgement = self.examiner.verdict(Expectation(expectation.case, inputs=inputs), answer)
        return Failure("lanes", f"{told}: {judgement.message}", judgement) if judgement.failing else None

    def _ask(self, expectation: Expectation, probe: Probe, inputs: Mapping[str, Array]) -> Reply:
        return self.examiner.ask(expectation, probe, PATTERNS[0], inputs, gradients=False)


def _other(batch: Batch, outputs: Sequence[Array], known: Sequence[bytes], length: int) -> int | None:
    """The first place along an axis that has other bits than are known."""
    for index in range(length):
        if [y.tobytes() for y in batch.parts(outputs, index)] != known:
            return index
    return None


def _spread(length: int) -> tuple[int, ...]:
    """Indices of samples to ask alone: all of few; of many the first, the last and others spread between."""
    if length <= ALONE:
        return tuple(range(length))
    return tuple(index * (length - 1) // (ALONE - 1) for index in range(ALONE))
