"""How long a check takes, from the start of the interpreter on: ``python benchmarks/check_speed.py``.

The limits are promises of the project: a softmax of NumPy at smoke size within 2 s and at sweep size within
20 s, each with the start of the interpreter, and no framework imported on the way. The exit status is 1 where
one is broken. Each figure is the best of several runs: what is slower was not the check's own doing.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

KERNEL = """
import numpy as np

def softmax(x, *, axis=-1):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)
"""

SCRIPT = """
import sys
import assay
from kernel import softmax

report = assay.check(softmax, "softmax", sizes=sys.argv[1])
report.raise_for_failures()
print(report)
frameworks = {"torch", "tensorflow", "keras", "jax"} & set(sys.modules)
assert not frameworks, f"imported {frameworks}"
"""

COMMAND = ["-m", "assay", "check", "kernel.py:softmax", "--spec", "softmax"]

#: What is timed, and the most seconds that it may take.
TASKS = {
    "assay.check, smoke": (["script.py", "smoke"], 2.0),
    "assay.check, sweep": (["script.py", "sweep"], 20.0),
    "assay check, smoke, in a worker": (COMMAND, 2.0),
    "assay check, sweep, in a worker": ([*COMMAND, "--sizes", "sweep"], 20.0),
}

RUNS = 5


def seconds(arguments: list[str], folder: str) -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> int:
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "kernel.py").write_text(KERNEL)
        Path(folder, "script.py").write_text(SCRIPT)
        print(f"{'best of ' + str(RUNS):36}{'seconds':>8}{'limit':>8}")
        print(f"{'import numpy':36}{min(seconds(['-c', 'import numpy'], folder) for _ in range(RUNS)):8.2f}")
        for name, (arguments, limit) in TASKS.items():
            best = min(seconds(arguments, folder) for _ in range(RUNS))
            broken += best > limit
            print(f"{name:36}{best:8.2f}{limit:8.0f}{'  broken' if best > limit else ''}")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
