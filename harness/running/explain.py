"""One case on one implementation, looked at closely."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ...errors import Usage
from ...numerics.profiles import profiles
from ...specs import all_specs
from ...specs.language.case import parse
from ..judging.expectation import Expectation
from ..judging.findings import Finding, accounts, findings
from ..judging.judge import Answer, Judgement
from ..plan import implementations, refusal
from ..record import Verdict
from .ask import Request, ask
from .processes import Worker, WorkerSettings
from .provenance import target_facts
from .repro import script

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True)
class Explanation:
    """A verdict with all that led to it."""

    request: Request
    verdict: Verdict
    answer: Answer | None

    @property
    def script(self) -> str:
        """A standalone script, also for a result that conforms."""
        verdict = self.verdict
        judgement = Judgement(verdict.outcome, verdict.check, verdict.message, worst=verdict.worst)
        return script(self.request.expectation, self.request.binding, self.request.target, judgement)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings on file that account for the verdict, if it fails and they account for all of it."""
        return tuple(findings()[name] for name in accounts(self.verdict, self.request.target))

    @property
    def profiles(self) -> tuple[tuple[str, str, bool], ...]:
        """Name, summary and whether it is declared, of every rounding profile of the dtype."""
        return tuple((p.name, p.summary, p.declared) for p in profiles(self.request.expectation.case.dtype))


def explain(case_id: str, api: str, settings: WorkerSettings) -> Explanation:
    """Run the case on the implementation.

    Raises:
        ValueError: no such case or implementation, or the implementation does not support the case.
        Unstarted: the framework cannot be asked here.
    """
    case = parse(case_id, all_specs())
    known = {b.api: b for b in implementations(case.spec, [settings.family])}
    if api not in known:
        raise Usage(f"{case.spec.name} has no implementation {api!r}; it has {', '.join(known)}")
    reason = refusal(known[api], case)
    if reason is not None:
        raise Usage(f"{api} cannot be asked {case_id}: {reason}")
    worker = Worker(settings)
    try:
        target = target_facts(settings, worker.start())
        request = Request(Expectation(case), known[api], target)
        return Explanation(request, *ask(request, worker, defaultdict(float)))
    finally:
        worker.stop()
