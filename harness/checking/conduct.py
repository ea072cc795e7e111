"""How a kernel goes about a call: what it leaves unwritten, overwrites, keeps or depends on.

Two calls on equal inputs find different patterns of bytes in memory, and the second one has another forward
pass before its backward pass. The backward pass is a call like the other: the same is asked of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...adapters.kernel.memory import PATTERNS
from ...numerics.dtypes import decode
from ..judging.expectation import Expectation
from .checks import Failure
from .kernels import Reply
from .patterns import regions
from .probes import Probe

if TYPE_CHECKING:
    from .examination import Examiner

__all__ = ["Conduct"]

Array = np.ndarray[Any, Any]

ORDER = (1, 0, 0, 1, 0, 1, 1)
"""Which of the patterns further calls find before a difference is laid to memory: a race may have a beat."""


class Conduct:
    """Looks at two replies of one kernel."""

    def __init__(self, examiner: Examiner) -> None:
        self.examiner = examiner

    def failures(
        self, expectation: Expectation, probe: Probe, first: Reply, second: Reply
    ) -> Iterator[Failure]:
        """What was seen of both passes."""
        spec = expectation.case.spec
        one, two = _arrays(first, "outputs"), _arrays(second, "outputs")
        if _shapes(one) == _shapes(two):
            names = (*spec.outputs, *spec.states)
            yield from _unwritten(one, two, names, self.examiner.scope.tiles)
        if first["outputs"] != second["outputs"] and not _all_unwritten(one, two):
            yield from self._unsteady(expectation, probe, first, second)
        yield from _memory(first, second, "")
        if "gradients" in first and "gradients" in second:
            yield from self._backward(expectation, probe, first, second)

    def _backward(
        self, expectation: Expectation, probe: Probe, first: Reply, second: Reply
    ) -> Iterator[Failure]:
        """The same of the backward pass."""
        names = [f"gradient of {name}" for name in expectation.wrt]
        one, two = _arrays(first, "gradients"), _arrays(second, "gradients")
        if _shapes(one) == _shapes(two):
            yield from _unwritten(one, two, names, self.examiner.scope.tiles)
        if first["gradients"] != second["gradients"] and not _all_unwritten(one, two):
            yield from self._unsteady_backward(expectation, probe, first, second)
        outputs = expectation.case.spec.outputs
        told = {f"cotangent {number}": f"cotangent of {name}" for number, name in enumerate(outputs)}
        yield from _memory(first["backward"], second["backward"], " in the backward pass", told)

    def _unsteady(
        self, expectation: Expectation, probe: Probe, first: Reply, second: Reply
    ) -> Iterator[Failure]:
        """Two calls on equal inputs differ: for what lay in memory, or for no reason that can be seen?"""
        if self._depends_on_memory(expectation, probe, "outputs", first, second):
            yield self._whose_memory(expectation, probe, "outputs", first, second)
        elif self.examiner.options.deterministic:
            yield Failure("repeats", "a second call on the same inputs gave other bits")
        else:
            self.examiner.notes["repeats"] = "calls on the same inputs give different bits"

    def _depends_on_memory(
        self, expectation: Expectation, probe: Probe, which: str, first: Reply, second: Reply
    ) -> bool:
        """Whether each pattern of memory gives its own result, time and again, as no race would."""
        known = list(zip(PATTERNS, (first, second), strict=True))
        return all(
            self.examiner.ask(expectation, probe, pattern, gradients=which == "gradients").get(which)
            == reply[which]
            for pattern, reply in (known[place] for place in ORDER)
        )

    def _whose_memory(
        self, expectation: Expectation, probe: Probe, which: str, first: Reply, second: Reply
    ) -> Failure:
        """Whether what it depends on lies around its arrays, or in memory that it took."""
        told = "result" if which == "outputs" else "gradient"
        mixed = self.examiner.ask(
            expectation, probe, PATTERNS[0], gradients=which == "gradients", between=False, heap=PATTERNS[1]
        ).get(which)
        if mixed == first[which]:
            why = "around its arrays: it reads past the end of an input"
            why += ", or its output before it writes there" if self.examiner.facts.accepts("out") else ""
        elif mixed == second[which]:
            why = "in memory that it took: it reads what it never wrote"
        else:
            why = "in memory that is not its own: it reads past the end of an input, or what it never wrote"
        return Failure("written", f"the {told} depends on what lies {why}")

    def _unsteady_backward(
        self, expectation: Expectation, probe: Probe, first: Reply, second: Reply
    ) -> Iterator[Failure]:
        """Gradients differ: for another forward pass between, for what lay in memory, or for no reason?"""
        plain, after = (
            self.examiner.ask(expectation, probe, PATTERNS[0], between=between).get("gradients")
            for between in (False, True)
        )
        if plain != first["gradients"]:
            self.examiner.notes.setdefault(
                "repeats", "backward passes on the same inputs give different bits"
            )
            if self.examiner.options.deterministic:
                yield Failure("repeats", "a second backward pass on the same inputs gave other bits")
        elif after != first["gradients"]:
            yield Failure(
                "backward",
                "a second forward pass before the backward one changes the gradients: what was saved for the"
                " backward pass is overwritten, or read anew",
            )
        elif self._depends_on_memory(expectation, probe, "gradients", first, second):
            yield self._whose_memory(expectation, probe, "gradients", first, second)
        else:
            self.examiner.notes.setdefault(
                "repeats", "backward passes on the same inputs give different bits"
            )


def _memory(first: Reply, second: Reply, where: str, told: dict[str, str] | None = None) -> Iterator[Failure]:
    """What two replies tell of the memory in and around their arrays; ``told`` gives arrays their names."""

    def named(name: str) -> str:
        return (told or {}).get(name, name)

    for reply in (first, second):
        for name, distance in reply.get("strayed", ()):
            side = f"{distance} element(s) past its end" if distance > 0 else f"{-distance} before its start"
            yield Failure("bounds", f"writes outside of {named(name)}{where}: {side}")
            break
    for name in first.get("changed", ()):
        what = f"the {named(name)}" if name in (told or {}) else f"its input {name}"
        yield Failure("inputs", f"changes {what}{where}")
    for name in first.get("shared", ()) if not where else ():
        yield Failure("ownership", f"what it returns lies in the memory of its input {name}")
    if first.get("late") or second.get("late"):
        yield Failure(
            "ownership",
            f"the result{where} changed after it was returned: a thread or stream was still at work",
        )
    if first.get("overwritten") or second.get("overwritten"):
        yield Failure(
            "ownership",
            f"a call{where} changed what an earlier call had returned: it uses its output buffer again",
        )


def _arrays(reply: Reply, which: str) -> tuple[Array, ...]:
    return tuple(decode(*wire) for wire in reply[which])


def _shapes(arrays: Sequence[Array]) -> list[Any]:
    return [(a.shape, a.dtype) for a in arrays]


def _left(array: Array, pattern: int) -> Array:
    """Which elements hold a pattern of bytes."""
    flat = np.frombuffer(array.tobytes(), np.uint8).reshape(array.size, -1)
    kept = {pattern, 0xFE} if pattern == PATTERNS[0] else {pattern}
    left: Array = np.all(np.isin(flat, list(kept)) & (flat == flat[:, :1]), axis=1).reshape(array.shape)
    return left


def _unwritten(
    one: Sequence[Array], two: Sequence[Array], names: Sequence[str], tiles: Sequence[int]
) -> Iterator[Failure]:
    for name, first, second in zip(names, one, two, strict=False):
        if first.size:
            left = _left(first, PATTERNS[0]) & _left(second, PATTERNS[1])
            if left.any():
                index = np.unravel_index(int(np.argmax(left)), left.shape)
                place = ", ".join(str(int(i)) for i in index)
                count = f"{int(left.sum())} of {left.size} elements"
                told = f"{name}[{place}] still holds what lay there before: {count} were never written"
                yield Failure("written", told, patterns=regions(left, tiles))
                return


def _all_unwritten(one: Sequence[Array], two: Sequence[Array]) -> bool:
    """Whether two results differ only where neither was written."""
    if _shapes(one) != _shapes(two):
        return False
    for first, second in zip(one, two, strict=True):
        bits = [np.frombuffer(a.tobytes(), np.uint8).reshape(max(a.size, 1), -1) for a in (first, second)]
        differing = np.any(bits[0] != bits[1], axis=1).reshape(-1)[: first.size]
        left = (
            (_left(first, PATTERNS[0]) & _left(second, PATTERNS[1])).reshape(-1) if first.size else differing
        )
        if np.any(differing & ~left):
            return False
    return True
