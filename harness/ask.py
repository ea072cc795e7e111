"""One case put to one implementation: request, answer, judgement, verdict."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ..adapters.binding import Binding
from ..numerics.dtypes import encode
from .deviations import deviating
from .expectation import Expectation
from .judge import Answer, Judgement, judge
from .processes import Crashed, Hung, Worker
from .record import Target, Timings, Verdict
from .repro import script
from .stochastic import OTHER_SEED, SEED, is_stochastic, judge_stochastic

__all__ = ["Asked", "ask"]


@dataclass(frozen=True)
class Asked:
    """A case with what the reference expects of it, the implementation asked, and where it runs."""

    expectation: Expectation
    binding: Binding
    target: Target

    def request(self, seed: int = SEED) -> dict[str, Any]:
        """What the worker is sent; the first data set of a configuration is run twice."""
        expectation, case = self.expectation, self.expectation.case
        inputs = expectation.inputs
        return {
            "binding": self.binding.key,
            "parameters": {**case.arguments, "seed": seed},
            "inputs": {
                i.name: encode(inputs[i.name]) if i in case.given else None
                for i in case.spec.inputs
                if i.kind != "recovered"
            },
            "wrt": expectation.wrt,
            "cotangents": [encode(c) for c in expectation.cotangents] if case.valid else None,
            "repeat": case.valid and case.data == case.spec.data[0],
        }


def ask(asked: Asked, worker: Worker, timings: Timings) -> tuple[Verdict, Answer | None]:
    """Ask, and judge what comes back; a crash or a hang of the worker is a verdict too."""
    try:
        answer = _answer(worker, asked.request(), timings)
        other = None
        if is_stochastic(asked.expectation.case):
            other = _answer(worker, asked.request(OTHER_SEED), timings)
    except Crashed as error:
        return _verdict(asked, Judgement("crashed", "raised", str(error))), None
    except Hung as error:
        return _verdict(asked, Judgement("hung", "raised", str(error))), None
    begun = time.thread_time()
    judgement = _judge(asked, answer, other)
    timings["judge"] += time.thread_time() - begun
    return _verdict(asked, judgement, answer), answer


def _answer(worker: Worker, request: dict[str, Any], timings: Timings) -> Answer:
    reply = worker.ask(request)
    timings["first calls, with compilation" if reply["first"] else "further calls"] += reply["seconds"]
    return Answer.from_reply(reply)


def _judge(asked: Asked, answer: Answer, other: Answer | None) -> Judgement:
    admitted = admitted_profiles(asked.target)
    if other is not None:
        return judge_stochastic(asked.expectation, answer, other, admitted)
    judgement = judge(asked.expectation, answer, admitted)
    if not judgement.failing:
        return judgement
    return (
        deviating(asked.expectation, asked.binding.api, asked.target.versions, answer, judgement) or judgement
    )


def _verdict(asked: Asked, judgement: Judgement, answer: Answer | None = None) -> Verdict:
    return Verdict(
        case=asked.expectation.case.id,
        implementation=asked.binding.api,
        target=asked.target.name,
        digest=answer.digest if answer else "",
        seconds=round(answer.seconds, 6) if answer else 0.0,
        reproduction=script(asked.expectation, asked.binding, asked.target, judgement)
        if judgement.failing
        else None,
        **vars(judgement),
    )


def admitted_profiles(target: Target) -> tuple[str, ...]:
    """Profiles that the target's own precision flags ask for."""
    flags = target.flags
    torch_tf32 = "True" in (flags.get("matmul.allow_tf32"), flags.get("cudnn.allow_tf32"))
    jax_tf32 = target.device == "cuda" and flags.get("default_matmul_precision") in ("None", "tensorfloat32")
    return ("tf32",) if torch_tf32 or jax_tf32 else ()
