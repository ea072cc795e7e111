"""What a record says of the machine, the targets, the specs and the implementations."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ...adapters.documentation import pages
from ...specs.language.case import encode
from ...specs.language.spec import Spec
from ..plan import Question, implementations
from ..record import Implementation, SpecFacts, Target
from .processes import WorkerSettings

__all__ = ["implementations_of", "machine", "spec_facts", "target_facts", "version"]


def version() -> str:
    """Version of assay."""
    return importlib.metadata.version("assay")


def machine() -> dict[str, str]:
    """The processor and what the reference ran on."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor("model name"),
        "features": _processor("flags"),
        "cpus": str(os.cpu_count()),
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
        "scipy": importlib.metadata.version("scipy"),
    }


def _processor(field: str) -> str:
    """A field of Linux's description of the processor; empty elsewhere."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor() if field == "model name" else ""
    lines = (line.partition(":") for line in information.read_text().splitlines())
    value = next((value.strip() for key, _, value in lines if key.strip() == field), "")
    vector = [
        word for word in value.split() if word.startswith(("avx", "fma", "amx", "sse4", "f16c", "bf16"))
    ]
    return " ".join(vector) if field == "flags" else value


def target_facts(settings: WorkerSettings, facts: dict[str, Any], reason: str = "") -> Target:
    """What a worker said of itself when it started, or why it did not."""
    return Target(
        name=settings.target,
        framework=settings.framework,
        device=settings.device,
        mode=facts.get("mode", settings.mode),
        available=not reason,
        reason=reason or facts.get("broken", ""),
        versions=dict(facts.get("versions", {})),
        flags=dict(facts.get("flags", {})),
        python=facts.get("python", ""),
        packages=dict(sorted(facts.get("packages", {}).items())),
    )


def spec_facts(spec: Spec) -> SpecFacts:
    """What a report prints of a spec."""
    return SpecFacts(
        name=spec.name,
        family=spec.family,
        summary=spec.summary,
        formula=spec.formula,
        inputs=tuple((i.name, i.axes, i.meaning or i.kind) for i in spec.inputs),
        parameters=tuple((p.name, tuple(map(encode, p.values)), p.meaning, p.facet) for p in spec.parameters),
        constraints=tuple((c.label, c.rule, c.meaning) for c in spec.constraints),
        outputs=(*spec.outputs, *spec.states),
        axes=spec.axis_names,
        sources=(*((s.title, s.link) for s in spec.sources), *pages(implementations(spec))),
    )


def implementations_of(questions: Sequence[Question], targets: Iterable[Target]) -> Iterator[Implementation]:
    """Every implementation of the specs that are asked, on every target."""
    found = dict.fromkeys(binding.key for question in questions for binding in question.bindings)
    known = {binding.key: binding for question in questions for binding in question.bindings}
    for target in targets:
        for binding in (known[key] for key in found):
            if binding.framework == target.framework.partition("[")[0]:
                where = dict(binding.where)
                yield Implementation(binding.spec, binding.api, target.name, binding.composition, where)
