"""A run: every question put to every target, verdicts streamed to disk as they come.

One thread per target keeps its worker busy. Where a core is idle, the slowest target is lent another
worker, if what is left to it takes longer than a start. The reference's expectations are computed once per
case and shared. Whatever happens to a worker costs one case.
Whatever happens to this process costs nothing that was already written: ``--resume`` goes on from the stream.

Where hosts are named, each of them serves every target, in the place of this machine. A host that dies costs
one case at most, and its work goes on at the others.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from ...adapters.binding import Binding
from ...numerics.data import data_set
from ...specs.language.case import Case
from ..judging.cache import CachedExpectation
from ..judging.expectation import Expectation
from ..judging.findings import attributed
from ..plan import Question, refusal
from ..record import Record, Target, Timings, Verdict, write
from .ask import Request, ask
from .processes import Unstarted, Worker, WorkerSettings
from .provenance import implementations_of, machine, spec_facts, target_facts, version
from .stream import Stream

__all__ = ["Run", "RunSettings"]

OnVerdict = Callable[[Verdict], None]
Task = tuple[Case, Binding]
Tasks = tuple[Task, ...]

AT_ONCE = 4
"""Workers that run side by side, unless more targets are asked: each holds a framework in memory."""

LOOK_AGAIN = 0.2
"""Seconds after which one who waits looks again whether a hand is needed."""


@dataclass(frozen=True)
class RunSettings:
    """What is run: the questions, the workers to ask, and where the record goes."""

    questions: Sequence[Question]
    workers: Sequence[WorkerSettings]
    folder: Path
    tier: str = "standard"
    command: str = ""
    resume: bool = False
    file: str = "run.json"
    hosts: Sequence[str] = ()

    @property
    def serving(self) -> list[WorkerSettings]:
        """The workers that are started: for each target one here, or one on every host."""
        return [dataclasses.replace(w, host=host) for host in self.hosts or [""] for w in self.workers]


class Run:
    """One run; ``execute`` returns the record, which ``record`` keeps also where an exception ends it.

    ``lost`` tells of hosts that did not start or were gone; others do their work, where there are any.
    """

    def __init__(self, settings: RunSettings, on_verdict: OnVerdict = lambda verdict: None) -> None:
        self.settings = settings
        self.on_verdict = on_verdict
        self.timings: Timings = collections.defaultdict(float)
        self.record: Record | None = None
        self.lost: list[str] = []
        self._stream = Stream(settings.folder / "verdicts.jsonl", resume=settings.resume)
        self._stopped = threading.Event()
        self._targets: dict[str, Target] = {}
        self._lock = threading.Lock()
        self._order = {q.case.id: number for number, q in enumerate(settings.questions)}
        self._queues = {w.target: collections.deque(_tasks(settings.questions, w)) for w in settings.workers}
        self._expectations = _Expectations(self._queues.values(), self.timings)
        self._paces = {w.target: _Pace() for w in settings.workers}

    def counts(self) -> dict[str, int]:
        """Number of verdicts that each target will give."""
        return {name: sum(map(len, queue)) for name, queue in self._queues.items()}

    def execute(self) -> Record:
        """Ask everything, and write the record.

        An interrupt, a full disk or a defect of ours ends the run early: the record then holds what was
        learned so far and says that it is not complete, and the exception is raised again.
        """
        started, begun = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
        failure: BaseException | None = None
        workers = self.settings.serving
        hands = 0 if self.settings.hosts else max(0, min(_cores(), AT_ONCE) - len(workers))
        with self._stream, ThreadPoolExecutor(len(workers) + hands or 1) as pool:
            futures = [pool.submit(self._serve, worker) for worker in workers]
            futures += [pool.submit(self._lend_hands) for _ in range(hands)]
            try:
                for future in as_completed(futures):
                    future.result()
                self._nobody_left()
            except BaseException as error:
                failure = error
                self._stopped.set()
        record = self._record(started, time.monotonic() - begun, complete=failure is None)
        self.record = record
        with contextlib.suppress(OSError) if failure else contextlib.nullcontext():
            write(record, self.settings.folder / self.settings.file)
        if failure is not None:
            raise failure
        return record

    def _serve(self, settings: WorkerSettings) -> None:
        """Serve a target to its end, then help with others."""
        with self._lock:
            self._paces[settings.target].workers += 1
        self._work_off(settings)
        if not settings.host:
            self._lend_hands()

    def _nobody_left(self) -> None:
        """Raises Unstarted where hosts died and nobody was left for what they had not done."""
        if any(self._queues.values()):
            raise Unstarted(f"no worker is left: {'; '.join(self.lost)}; --resume asks the rest")

    def _lend_hands(self) -> None:
        """As long as something is left to do, start another worker wherever that pays."""
        while any(self._queues.values()) and not self._stopped.wait(LOOK_AGAIN):
            slowest = self._in_need()
            if slowest is not None and not self._work_off(slowest, helping=True):
                return

    def _in_need(self) -> WorkerSettings | None:
        """The target that is the slowest, if a core is idle and what is left to it takes longer than a start.

        An accelerator is one, and so is its memory: nobody is lent to it.
        """
        with self._lock:
            shared = [worker for worker in self.settings.workers if worker.device == "cpu"]
            if not shared or sum(pace.workers for pace in self._paces.values()) >= _cores():
                return None
            slowest = max(shared, key=lambda worker: self._left(worker.target))
            pace = self._paces[slowest.target]
            if self._left(slowest.target) <= pace.start:
                return None
            pace.workers += 1
            return slowest

    def _left(self, target: str) -> float:
        """Seconds that a target's workers will take for what is left to it; 0 before its first answer."""
        pace = self._paces[target]
        return len(self._queues[target]) * pace.asking / max(1, pace.asked * pace.workers)

    def _work_off(self, settings: WorkerSettings, helping: bool = False) -> bool:
        """Start a worker and put the target's tasks to it until none is left; False if it does not start."""
        worker, begun = Worker(settings), time.perf_counter()
        target, pace = None, self._paces[settings.target]
        try:
            target = self._start(worker, helping)
            while target and not self._stopped.is_set():
                tasks = self._next(settings)
                if tasks is None:
                    break
                asked = time.perf_counter()
                try:
                    self._answer(tasks, worker, target)
                finally:
                    with self._lock:
                        pace.busy -= 1
                with self._lock:
                    pace.asking += time.perf_counter() - asked
                    pace.asked += 1
        except Unstarted as error:  # it worked before
            if not settings.host:
                raise
            self.lost.append(str(error))
        finally:
            worker.stop()
            with self._lock:
                pace.workers -= 1
            self.timings["all workers"] += time.perf_counter() - begun
        return target is not None

    def _start(self, worker: Worker, helping: bool) -> Target | None:
        """Start a worker; None if it does not, which says nothing of its target where it only helps."""
        settings, begun = worker.settings, time.perf_counter()
        try:
            target = self._like_others(settings, target_facts(settings, worker.start()))
        except Unstarted as error:
            if not helping:
                self._unavailable(settings, str(error))
            return None
        self._paces[settings.target].start = time.perf_counter() - begun
        self.timings["framework start"] += time.perf_counter() - begun
        self._stream.begin(target)
        return target

    def _like_others(self, settings: WorkerSettings, target: Target) -> Target:
        """The facts of a target. Raises Unstarted where another host has other versions."""
        with self._lock:
            known = self._targets.get(settings.target)
            if settings.host and known is not None and known.versions != target.versions:
                told = f"has {_versions(target)}, where others have {_versions(known)}"
                raise Unstarted(f"{settings.place} {told}")
            self._targets[settings.target] = target
        return target

    def _unavailable(self, settings: WorkerSettings, reason: str) -> None:
        """Tell that a worker did not start; where none did, its target cannot be asked."""
        with self._lock:
            pace = self._paces[settings.target]
            pace.failed += 1
            if settings.host:
                self.lost.append(reason)
            if pace.failed == len(self.settings.hosts or [""]):
                told = "; ".join(dict.fromkeys(self.lost)) if settings.host else reason
                self._targets[settings.target] = target_facts(settings, {}, told)
                self._queues[settings.target].clear()

    def _next(self, settings: WorkerSettings) -> Tasks | None:
        """A configuration of a target; None where none is left, nor in the hands of a host that could die."""
        queue, pace = self._queues[settings.target], self._paces[settings.target]
        while not self._stopped.is_set():
            with self._lock:
                if queue:
                    pace.busy += 1
                    return queue.popleft()
                if not (settings.host and pace.busy):
                    return None
            self._stopped.wait(LOOK_AGAIN)
        return None

    def _answer(self, tasks: Tasks, worker: Worker, target: Target) -> None:
        """Put a configuration's tasks to a worker; what one that is gone leaves undone is left to others."""
        for number, (case, binding) in enumerate(tasks):
            if self._stopped.is_set():
                return
            if (case.id, binding.api, target.name) not in self._stream.known:
                try:
                    verdict = self._verdict(case, binding, worker, target)
                except Unstarted:
                    self._queues[target.name].appendleft(tasks[number:])
                    raise
                self._stream.write(verdict)
                self.on_verdict(verdict)
            self._expectations.release(case)

    def _verdict(self, case: Case, binding: Binding, worker: Worker, target: Target) -> Verdict:
        reason = refusal(binding, case)
        if reason is not None:
            return Verdict(case.id, binding.api, target.name, "unsupported", message=reason)
        request = Request(self._expectations.of(case), binding, target)
        return ask(request, worker, self.timings)[0]

    def _record(self, started: datetime.datetime, seconds: float, complete: bool) -> Record:
        specs = {question.case.spec.name: question.case.spec for question in self.settings.questions}
        targets = [self._targets[w.target] for w in self.settings.workers if w.target in self._targets]
        record = Record(
            assay=version(),
            started=started.isoformat(timespec="seconds"),
            seconds=round(seconds, 3),
            tier=self.settings.tier,
            complete=complete,
            command=self.settings.command,
            machine=machine(),
            targets=tuple(targets),
            specs=tuple(spec_facts(spec) for spec in specs.values()),
            implementations=tuple(implementations_of(self.settings.questions, targets)),
            verdicts=tuple(sorted(self._stream.verdicts, key=self._place)),
            timings={name: round(value, 3) for name, value in self.timings.items()},
        )
        return attributed(record)

    def _place(self, verdict: Verdict) -> tuple[int, int, str]:
        """Where a verdict stands in the record, whoever gave it first."""
        names = [worker.target for worker in self.settings.workers]
        target = names.index(verdict.target) if verdict.target in names else len(names)
        return self._order.get(verdict.case, len(self._order)), target, verdict.implementation


@dataclass
class _Pace:
    """How fast a target is asked: workers, seconds that a start took, configurations and seconds for them.

    ``busy`` are the configurations under way, ``failed`` the workers that did not start.
    """

    workers: int = 0
    busy: int = 0
    failed: int = 0
    start: float = 0.0
    asked: int = 0
    asking: float = 0.0


def _versions(target: Target) -> str:
    return ", ".join(" ".join(each) for each in target.versions.items())


def _cores() -> int:
    return os.cpu_count() or 1


def _tasks(questions: Sequence[Question], settings: WorkerSettings) -> Iterator[Tasks]:
    """What a target is asked, one configuration after the other: a framework compiles once for each."""
    path = settings.path
    for _, group in itertools.groupby(questions, lambda q: (q.case.spec.name, q.case.configuration)):
        pairs = ((q.case, b) for q in group for b in q.bindings if b.framework == settings.family)
        tasks = [(case, b) for case, b in pairs if path.means(b.api, case.dtype, _is_special(case))]
        if tasks:
            yield tuple(tasks)


def _is_special(case: Case) -> bool:
    """Whether the data hold NaN or infinities, or have no gradient, since the call must raise."""
    return not case.valid or data_set(case.data).special


class _Expectations:
    """The expectation of each case: made by whoever asks first, dropped when the last has used it."""

    def __init__(self, queues: Iterable[Iterable[Sequence[Task]]], timings: Timings) -> None:
        self._users = collections.Counter(case.id for queue in queues for tasks in queue for case, _ in tasks)
        self._made: dict[str, Expectation] = {}
        self._timings = timings
        self._lock = threading.Lock()

    def of(self, case: Case) -> Expectation:
        with self._lock:
            if case.id not in self._made:
                self._made[case.id] = CachedExpectation(case)
            return self._made[case.id]

    def release(self, case: Case) -> None:
        with self._lock:
            self._users[case.id] -= 1
            if self._users[case.id] == 0 and case.id in self._made:
                self._timings["reference"] += self._made.pop(case.id).seconds
