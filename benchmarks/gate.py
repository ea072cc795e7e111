"""How long the gate takes on a pull request: the smoke tier of each framework against a stored baseline.

    python benchmarks/gate.py [FRAMEWORK …]

Set-up (the frameworks, the stored record) is not counted. The first gate finds an empty cache of the
reference's results, the second a full one; "reference" is the time that the record says was spent on them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from assay.harness.record import read

COMMAND = [sys.executable, "-m", "assay"]


def gate(baseline: Path, out: Path, cache: Path) -> tuple[float, float]:
    """Seconds of a gate by the clock, and those that it spent on the reference."""
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    sides = ["gate", str(baseline), "--candidate-python", sys.executable, "--out", str(out)]
    begun = time.perf_counter()
    subprocess.run([*COMMAND, *sides], check=True, capture_output=True, env=environment)
    seconds = time.perf_counter() - begun
    return seconds, read(out / "candidate" / "run.json").timings.get("reference", 0.0)


def main() -> None:
    frameworks = sys.argv[1:] or ["torch", "tensorflow", "keras", "jax"]
    print("| framework | verdicts | first gate, s | its reference, s | second gate, s | its reference, s |")
    print("|---|---:|---:|---:|---:|---:|")
    for framework in frameworks:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            run = ["run", "--tier", "smoke", "--framework", framework, "--out", str(home / "baseline")]
            environment = os.environ | {"XDG_CACHE_HOME": str(home / "set-up")}
            subprocess.run([*COMMAND, *run], check=True, capture_output=True, env=environment)
            cache = home / "cache"
            if framework == "jax":  # what JAX compiled is part of the set-up, as on a CI that keeps its cache
                (cache / "assay").mkdir(parents=True)
                (home / "set-up" / "assay" / "jax").rename(cache / "assay" / "jax")
            baseline = home / "baseline" / "run.json"
            (first, computed), (second, read_back) = (gate(baseline, home / n, cache) for n in ("1", "2"))
            verdicts = len(read(baseline).verdicts)
            figures = f"{first:.1f} | {computed:.2f} | {second:.1f} | {read_back:.2f}"
            print(f"| {framework} | {verdicts:,} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
