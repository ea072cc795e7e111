"""Ask torch and JAX on a device, and write what came of it to a record and a page.

    python benchmarks/device_check.py --device cuda --out docs/devices      # or `make device-check`
    python benchmarks/device_check.py --device cpu --specs dense gelu --out report/devices

Smoke with TF32 off and on and in the half types, every path, a Triton kernel and its broken twin, compiled
where there is a GPU, and a kernel that leaves memory unwritten. A step that runs past its minutes is
interrupted, and what it learned is kept. Ends with 1 if a step did not end as it should.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from assay.harness.record import Record, read

ROOT = Path(__file__).resolve().parents[1]
TRITON = "examples/triton_softmax.py"
UNWRITTEN = "benchmarks/device_kernels.py:unwritten"

TF32_OFF = {"NVIDIA_TF32_OVERRIDE": "0", "JAX_DEFAULT_MATMUL_PRECISION": "highest"}
TF32_ON = {"TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1", "JAX_DEFAULT_MATMUL_PRECISION": "tensorfloat32"}

SHOWN = 30
"""Most failing groups of a step that the page tells; the others are counted."""


@dataclass(frozen=True)
class Step:
    """One command of assay: what it is asked, in what environment, and how it should end.

    Args:
        name: as the page calls it.
        words: of the command line, behind ``assay``.
        environ: variables that are set for it.
        caught: the check that must fail; none may where it is empty.
    """

    name: str
    words: tuple[str, ...]
    environ: Mapping[str, str] = field(default_factory=dict)
    caught: str = ""


def steps(device: str, specs: Sequence[str]) -> Iterator[Step]:
    """What is asked of a device; of the ``specs`` alone if there are any."""
    on = ("--device", device, "--framework", "torch", "--framework", "jax")
    smoke, half = ("run", *specs, "--tier", "smoke", *on), ("--dtype", "bfloat16", "--dtype", "float16")
    yield Step("float32, TF32 off", (*smoke, "--dtype", "float32"), TF32_OFF)
    yield Step("float32, TF32 on", (*smoke, "--dtype", "float32"), TF32_ON)
    yield Step("bfloat16 and float16", (*smoke, *half), TF32_OFF)
    paths = ("--tier", "paths", "--path", "all", "--dtype", "float32", "--dtype", "bfloat16")
    yield Step("every path", ("run", *specs, *paths, *on), TF32_OFF)
    asked = (
        "--spec",
        "softmax",
        "axis=-1",
        "between=0",
        "--tile",
        "32",
        "--quick",
        "--device",
        device,
        "--json",
    )
    yield Step("a Triton kernel", ("check", f"{TRITON}:softmax", *asked))
    yield Step("its broken twin", ("check", f"{TRITON}:broken", *asked), caught="values")
    one = ("--case", "softmax/axis=-1/float32/normal/3x17", "--path", "custom_op")
    yield Step("the kernel as an operator, compiled", ("check", f"{TRITON}:softmax", *asked, *one))
    relu = ("--spec", "relu", "--quick", "--device", device, "--json")
    yield Step("memory left unwritten", ("check", UNWRITTEN, *relu), caught="written")


def asked(step: Step, folder: Path, seconds: float) -> dict[str, Any]:
    """Run a step for so long at most, and say what came of it."""
    writes = ("--out", str(folder)) if step.words[0] == "run" else ()
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", *step.words, *writes],
        env=os.environ | step.environ,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    cut = False
    try:
        told, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate()
        cut = True
    came = of_run(folder / "run.json") if writes else of_check(told)
    return {
        "name": step.name,
        "command": " ".join(("assay", *step.words)),
        "environ": dict(step.environ),
        "seconds": round(time.monotonic() - begun, 1),
        "cut off": cut,
        "as it should": came.pop("ended", False) and as_it_should(step, came),
        "told": "" if came else told[-2000:],
        **came,
    }


def as_it_should(step: Step, came: Mapping[str, Any]) -> bool:
    """Whether no verdict is new, or of a check whether it fails where it must."""
    if step.words[0] == "run":
        return not came["new"]
    return step.caught in came["failed"] if step.caught else not came["failed"]


def of_run(file: Path) -> dict[str, Any]:
    """What a record holds: targets with flags, outcomes and profiles, and what fails without being known."""
    if not file.is_file():
        return {}
    record = read(file)
    return {
        "ended": all(target.available for target in record.targets),
        "targets": [told_of(record, target.name) for target in record.targets],
        "new": [f"{spec} in {api}: {what} ({n})" for (spec, api, what), n in unknown(record).most_common()],
        "new_verdicts": unknown(record).total(),
    }


def told_of(record: Record, name: str) -> dict[str, Any]:
    """What a record says of one target."""
    (target,) = (target for target in record.targets if target.name == name)
    verdicts = [verdict for verdict in record.verdicts if verdict.target == name]
    return {
        "name": name,
        "reason": target.reason,
        "versions": target.versions,
        "flags": target.flags,
        "outcomes": dict(Counter(verdict.outcome for verdict in verdicts)),
        "profiles": dict(Counter(v.explained_by or v.profile or "none" for v in verdicts if v.margins)),
        "in force": sorted({verdict.in_force for verdict in verdicts if verdict.in_force}),
    }


def unknown(record: Record) -> Counter[tuple[str, str, str]]:
    """Failing verdicts that are no finding on file, by spec, implementation and what fails where."""
    found = (v for v in record.verdicts if v.new)
    return Counter(
        (v.case.partition("/")[0], v.implementation, f"{v.outcome} {v.check}, {v.target}") for v in found
    )


def of_check(told: str) -> dict[str, Any]:
    """What the report of a check holds: the checks that failed, and what was said of them."""
    begun = re.search(r'^{"', told, re.MULTILINE)
    try:
        report, _ = json.JSONDecoder().raw_decode(told[begun.start() :] if begun else "")
    except ValueError:
        return {}
    findings = report["findings"]
    return {
        "ended": True,
        "failed": sorted({finding["check"] for finding in findings}),
        "said": [finding["message"] for finding in findings][:3],
    }


def page(facts: Mapping[str, Any]) -> str:
    """The page of a record."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("device_check.md.jinja").render(facts, shown=SHOWN) + "\n"


def called(came: Sequence[Mapping[str, Any]], device: str) -> str:
    """The name of the device, as a framework tells it."""
    flags = [target["flags"] for step in came for target in step.get("targets", ())]
    names = [flag["device"] for flag in flags if flag.get("device", "cpu") != "cpu"]
    return names[0] if names else device


def main() -> int:
    """Ask every step, and write after each what is known by then."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--specs", nargs="*", default=())
    parser.add_argument("--minutes", type=float, default=2.5, help="most that one step may take")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "devices")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    came: list[dict[str, Any]] = []
    for number, step in enumerate(steps(options.device, options.specs)):
        folder = ROOT / "report" / "device-check" / f"{options.device}-{number}"
        came.append(asked(step, folder, options.minutes * 60))
        print(
            f"{came[-1]['seconds']:8.1f} s  {'ok ' if came[-1]['as it should'] else 'NOT'}  {step.name}",
            flush=True,
        )
        name = called(came, options.device)
        facts = {"device": name, "specs": list(options.specs), "steps": came}
        file = options.out / re.sub(r"[^a-z0-9]+", "-", name.lower())
        file.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
        file.with_suffix(".md").write_text(page(facts), "utf-8")
    return int(not all(step["as it should"] for step in came))


if __name__ == "__main__":
    sys.exit(main())
