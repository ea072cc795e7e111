"""One case put to one implementation: request, answer, judgement, verdict."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...adapters.binding import Binding
from ...adapters.framework import framework
from ...numerics.dtypes import encode
from ..judging.deviations import deviating
from ..judging.expectation import Expectation
from ..judging.judge import Answer, Judgement, judge
from ..judging.meant import meant
from ..judging.stochastic import OTHER_SEED, SEED, Pair, is_stochastic, judge_stochastic, probes
from ..record import Outcome, Target, Timings, Verdict
from .processes import Crashed, Hung, Worker
from .repro import script

__all__ = ["Request", "ask"]


@dataclass(frozen=True)
class Request:
    """A case with what the reference expects of it, the implementation asked, and where it runs.

    ``unsaid`` is one of the API's own arguments that it is not given, or is given a ``literal`` for. A
    verdict that fails brings the script that reproduces it where it is to be ``scripted``.
    """

    expectation: Expectation
    binding: Binding
    target: Target
    unsaid: str = ""
    literal: str = ""
    scripted: bool = True

    def encoded(self, seed: int = SEED, probe: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the worker is sent; the first data set of a configuration is run twice.

        Args:
            seed: what a stochastic layer draws from.
            probe: inputs in the place of the case's own.
        """
        expectation, case = self.expectation, self.expectation.case
        inputs = {**expectation.inputs, **(probe or {})}
        return {
            "binding": self.binding.key,
            "unsaid": self.unsaid,
            "literal": self.literal,
            "parameters": case.arguments,
            "seed": seed if case.spec.recover else None,
            "inputs": {
                i.name: encode(inputs[i.name]) if i in case.given else None
                for i in case.spec.inputs
                if i.kind != "recovered"
            },
            "wrt": expectation.wrt,
            "cotangents": [encode(c) for c in expectation.cotangents]
            if case.valid and expectation.wrt
            else None,
            "repeat": case.valid and case.data == case.spec.data[0] and not probe,
        }


class MissingAPI(Exception):
    """The framework has no such function, class or argument in this version."""


class BrokenPart(Exception):
    """A part of the framework is installed and does not import, so that nothing of it can be asked."""


class Refused(Exception):
    """The mode did not run the call."""

    def __init__(self, reason: str, outcome: Outcome) -> None:
        super().__init__(reason)
        self.outcome = outcome


def ask(request: Request, worker: Worker, timings: Timings) -> tuple[Verdict, Answer | None]:
    """Ask, and judge what comes back; a crash or a hang of the worker is a verdict too."""
    sent = request.encoded()
    inputs = _digest(sent)
    try:
        answer = _answer(worker, sent, timings)
        pairs = _under_two_seeds(request, answer, lambda *of: _answer(worker, request.encoded(*of), timings))
    except MissingAPI as error:
        return _verdict(request, Judgement("unsupported", "missing API", str(error)), inputs), None
    except Refused as error:
        return _verdict(request, Judgement(error.outcome, "mode", str(error)), inputs), None
    except BrokenPart as error:
        return _verdict(request, Judgement("rejects", "raised", str(error)), inputs), None
    except Crashed as error:
        return _verdict(request, Judgement("crashed", "raised", str(error)), inputs), None
    except Hung as error:
        return _verdict(request, Judgement("hung", "raised", str(error)), inputs), None
    begun = time.thread_time()
    judgement = _judge(request, answer, pairs)
    timings["judge"] += time.thread_time() - begun
    return _verdict(request, judgement, inputs, answer), answer


def _digest(sent: Mapping[str, Any]) -> str:
    """Fingerprint of every bit of the inputs and cotangents that an implementation is handed."""
    fingerprint = hashlib.blake2b(digest_size=8)
    for name, wire in (*sent["inputs"].items(), *enumerate(sent["cotangents"] or ())):
        kind, shape, data = wire or ("none", (), b"")
        fingerprint.update(f"{name}:{kind}{tuple(shape)}".encode())
        fingerprint.update(data)
    return fingerprint.hexdigest()


def _answer(worker: Worker, sent: dict[str, Any], timings: Timings) -> Answer:
    reply = worker.ask(sent)
    if "missing" in reply:
        raise MissingAPI(reply["missing"])
    if "broken" in reply:
        raise BrokenPart(reply["broken"])
    if "not_in_force" in reply:
        raise Refused(reply["not_in_force"], "unsupported" if reply["unsupported"] else "rejects")
    timings["first calls, with compilation" if reply["first"] else "further calls"] += reply["seconds"]
    return Answer.from_reply(reply)


def _under_two_seeds(
    request: Request, answer: Answer, put: Callable[[int, dict[str, Any]], Answer]
) -> list[Pair]:
    """What a stochastic layer answers under two seeds to each question that shows what it drew."""
    if not is_stochastic(request.expectation.case):
        return []
    found = probes(request.expectation)
    return [(put(SEED, p), put(OTHER_SEED, p)) for p in found] or [(answer, put(OTHER_SEED, {}))]


def _judge(request: Request, answer: Answer, pairs: list[Pair]) -> Judgement:
    admitted = admitted_profiles(request.target)
    if pairs:
        judgement = judge_stochastic(request.expectation, answer, pairs, admitted)
    else:
        judgement = judge(request.expectation, answer, admitted)
    if not judgement.failing:
        return judgement
    told = deviating(request.expectation, request.binding.api, request.target, answer, judgement)
    return meant(request.expectation, answer, told) or told


def _verdict(request: Request, judgement: Judgement, inputs: str, answer: Answer | None = None) -> Verdict:
    return Verdict(
        case=request.expectation.case.id,
        implementation=request.binding.api,
        target=request.target.name,
        inputs=inputs,
        digest=answer.digest if answer else "",
        seconds=round(answer.seconds, 6) if answer else 0.0,
        in_force=answer.in_force if answer else "",
        reproduction=script(request.expectation, request.binding, request.target, judgement)
        if judgement.failing and request.scripted
        else None,
        **vars(judgement),
    )


def admitted_profiles(target: Target) -> tuple[str, ...]:
    """Profiles that the target's own precision flags ask for, and its path."""
    flags = target.flags
    asked = framework(target.framework, target.device).path(target.mode).profiles
    torch_tf32 = "True" in (flags.get("matmul.allow_tf32"), flags.get("cudnn.allow_tf32"))
    jax_tf32 = target.device == "cuda" and flags.get("default_matmul_precision") in ("None", "tensorfloat32")
    return (*asked, *(("tf32",) if torch_tf32 or jax_tf32 else ()))
