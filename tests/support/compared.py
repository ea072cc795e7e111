"""Small records to compare, and the verdicts in them."""

from __future__ import annotations

import msgspec

from assay.harness.record import Margin, Record, Target, Verdict

CASE = "gelu/default/float32/normal/3x17"
API = "torch.nn.functional.gelu"
TORCH = Target(
    "torch/cpu",
    "torch",
    "cpu",
    "eager",
    available=True,
    versions={"torch": "2.12.0"},
    packages={"torch": "2.12.0", "numpy": "2.4.0"},
)
ABSENT = msgspec.structs.replace(TORCH, available=False, reason="PyTorch does not import: broken")


def record(*verdicts, targets=(TORCH,), **changes):
    fields = {
        "assay": "0.1.0",
        "started": "2026-01-05T09:41:03+00:00",
        "seconds": 3.0,
        "tier": "standard",
        "complete": True,
        "command": "assay run",
        "machine": {"processor": "x", "features": "avx2", "cpus": "2"},
        "targets": targets,
        "specs": (),
        "implementations": (),
        "verdicts": verdicts,
    }
    return Record(**(fields | changes))


def verdict(outcome="conforms", **changes):
    fields = {"profile": "float32"} if outcome == "conforms" else {"check": "values", "message": "y is off"}
    fields |= {"inputs": "i", "digest": "d", "margins": (Margin("y", 0.4, 0.5, size=51),)}
    return Verdict(
        **(
            {"case": CASE, "implementation": API, "target": "torch/cpu", "outcome": outcome}
            | fields
            | changes
        )
    )


def off(rms, **changes):
    return verdict("differs", digest=str(rms), margins=(Margin("y", rms, rms, size=51),), **changes)
