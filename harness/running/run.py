"""A run: every question put to every target, verdicts streamed to disk as they come.

One thread per target keeps its worker busy, and lends a hand to the slowest where a core is idle; the
reference's expectations are computed once per case and shared. Whatever happens to a worker costs one case.
Whatever happens to this process costs nothing that was already written: ``--resume`` goes on from the stream.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...adapters.binding import Binding
from ...specs.language.case import Case
from ..judging.cache import CachedExpectation
from ..judging.expectation import Expectation
from ..plan import Question, refusal
from ..record import Record, Target, Timings, Verdict, write
from .ask import Asked, ask
from .processes import Unstarted, Worker, WorkerSettings
from .provenance import implementations_of, machine, spec_facts, target_facts, version
from .stream import Stream

__all__ = ["Run", "RunSettings"]

OnVerdict = Callable[[Verdict], None]
Task = tuple[Case, Binding]

WORTH_A_WORKER = 16
"""Configurations that must be left to a target for another worker to be started for it."""


@dataclass(frozen=True)
class RunSettings:
    """What is run: the questions, the workers to ask, and where the record goes."""

    questions: Sequence[Question]
    workers: Sequence[WorkerSettings]
    folder: Path
    tier: str = "standard"
    command: str = ""
    resume: bool = False


class Run:
    """One run; ``execute`` returns the record, which ``record`` keeps also where an exception ends it."""

    def __init__(self, settings: RunSettings, on_verdict: OnVerdict = lambda verdict: None) -> None:
        self.settings = settings
        self.on_verdict = on_verdict
        self.timings: Timings = collections.defaultdict(float)
        self.record: Record | None = None
        self._stream = Stream(settings.folder / "verdicts.jsonl", resume=settings.resume)
        self._expectations = _Expectations(settings, self.timings)
        self._stopped = threading.Event()
        self._targets: dict[str, Target] = {}
        self._working = 0
        self._order = {q.case.id: number for number, q in enumerate(settings.questions)}
        self._queues = {w.target: collections.deque(_tasks(settings.questions, w)) for w in settings.workers}

    def counts(self) -> dict[str, int]:
        """Number of verdicts that each target will give."""
        return {name: sum(map(len, queue)) for name, queue in self._queues.items()}

    def execute(self) -> Record:
        """Ask everything, and write ``run.json``.

        An interrupt, a full disk or a defect of ours ends the run early: the record then holds what was
        learned so far and says that it is not complete, and the exception is raised again.
        """
        started, begun = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
        failure: BaseException | None = None
        with self._stream, ThreadPoolExecutor(max(1, len(self.settings.workers))) as pool:
            futures = [pool.submit(self._serve, worker) for worker in self.settings.workers]
            try:
                for future in futures:
                    future.result()
            except BaseException as error:
                failure = error
                self._stopped.set()
        record = self._record(started, time.monotonic() - begun, complete=failure is None)
        self.record = record
        with contextlib.suppress(OSError) if failure else contextlib.nullcontext():
            write(record, self.settings.folder / "run.json")
        if failure is not None:
            raise failure
        return record

    def _serve(self, settings: WorkerSettings) -> None:
        """Serve a target to its end, then lend a hand where most is left to do."""
        self._work_off(settings)
        while not self._stopped.is_set():
            name, queue = max(self._queues.items(), key=lambda item: len(item[1]))
            helper = next(w for w in self.settings.workers if w.target == name)
            idle = self._working < (os.cpu_count() or 1)
            if not idle or len(queue) < WORTH_A_WORKER or not self._work_off(helper):
                return

    def _work_off(self, settings: WorkerSettings) -> bool:
        """Start a worker and put the target's tasks to it until none is left; False if it does not start."""
        worker, begun = Worker(settings), time.perf_counter()
        queue = self._queues[settings.target]
        self._working += 1
        try:
            target = target_facts(settings, worker.start())
        except Unstarted as error:
            if settings.target not in self._targets:
                self._targets[settings.target] = target_facts(settings, {}, str(error))
                queue.clear()
            self._working -= 1
            return False
        self.timings["framework start"] += time.perf_counter() - begun
        self._targets[settings.target] = target
        self._stream.begin(target)
        try:
            while not self._stopped.is_set():
                try:
                    tasks = queue.popleft()
                except IndexError:  # another worker may have taken the last
                    break
                self._answer(tasks, worker, target)
        finally:
            worker.stop()
            self._working -= 1
            self.timings["all workers"] += time.perf_counter() - begun
        return True

    def _answer(self, tasks: Sequence[Task], worker: Worker, target: Target) -> None:
        for case, binding in tasks:
            if self._stopped.is_set():
                return
            if (case.id, binding.api, target.name) not in self._stream.known:
                verdict = self._verdict(case, binding, worker, target)
                self._stream.write(verdict)
                self.on_verdict(verdict)
            self._expectations.release(case)

    def _verdict(self, case: Case, binding: Binding, worker: Worker, target: Target) -> Verdict:
        reason = refusal(binding, case)
        if reason is not None:
            return Verdict(case.id, binding.api, target.name, "unsupported", message=reason)
        asked = Asked(self._expectations.of(case), binding, target)
        return ask(asked, worker, self.timings)[0]

    def _record(self, started: datetime.datetime, seconds: float, complete: bool) -> Record:
        specs = {question.case.spec.name: question.case.spec for question in self.settings.questions}
        targets = [self._targets[w.target] for w in self.settings.workers if w.target in self._targets]
        return Record(
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

    def _place(self, verdict: Verdict) -> tuple[int, int, str]:
        """Where a verdict stands in the record, whoever gave it first."""
        names = [worker.target for worker in self.settings.workers]
        target = names.index(verdict.target) if verdict.target in names else len(names)
        return self._order.get(verdict.case, len(self._order)), target, verdict.implementation


def _tasks(questions: Sequence[Question], settings: WorkerSettings) -> Iterator[tuple[Task, ...]]:
    """What a target is asked, one configuration after the other: a framework compiles once for each."""
    for _, group in itertools.groupby(questions, lambda q: (q.case.spec.name, q.case.configuration)):
        tasks = [(q.case, b) for q in group for b in q.bindings if b.framework == settings.family]
        if tasks:
            yield tuple(tasks)


class _Expectations:
    """The expectation of each case: made by whoever asks first, dropped when the last has used it."""

    def __init__(self, settings: RunSettings, timings: Timings) -> None:
        families = collections.Counter(worker.family for worker in settings.workers)
        self._users = {
            question.case.id: sum(families[binding.framework] for binding in question.bindings)
            for question in settings.questions
        }
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
