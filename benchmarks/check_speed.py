"""How long a check takes, from the start of the interpreter on: ``python benchmarks/check_speed.py``.

The limits are promises of the project, in seconds: a softmax of NumPy at default sizes within 2.5, of torch
within 5, of JAX and of Triton in its interpreter within 15, and a batch of 65,537 within 10 and a gigabyte.
``--examples`` times each kernel of the examples instead, which has 15; ``--ranking`` prints a table of what
kernel authors write most: an example where there is one, else what users of torch put together.
No framework is imported on the way that a kernel does not want. The exit status is 1 where one is broken.

What counts is the time of the processor, and the best of several runs: other work on a machine makes both the
wall clock and, less, the processor slower, and is not the check's own doing. The first line is the measure of
the machine.
"""

from __future__ import annotations

import importlib.util
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NUMPY = """
import numpy as np

def softmax(x, *, axis=-1):
    powers = np.exp(x - x.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)
"""

TORCH = """
import torch

class Softmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, axis):
        y = torch.softmax(x, axis)
        ctx.save_for_backward(y)
        ctx.axis = axis
        return y

    @staticmethod
    def backward(ctx, cotangent):
        (y,) = ctx.saved_tensors
        return y * (cotangent - (y * cotangent).sum(ctx.axis, keepdim=True)), None

def softmax(x: torch.Tensor, *, axis: int = -1):
    return Softmax.apply(x, axis)
"""

JAX = """
import jax

def softmax(x: jax.Array, *, axis: int = -1):
    return jax.nn.softmax(x, axis)
"""

SCRIPT = """
import sys
import assay
from in_numpy import softmax

report = assay.check(softmax, "softmax", sizes=sys.argv[1])
report.raise_for_failures()
print(report)
frameworks = {"torch", "tensorflow", "keras", "jax"} & set(sys.modules)
assert not frameworks, f"imported {frameworks}"
"""

CHECK = ["-m", "assay", "check"]
TRITON = str(Path(__file__).parents[1] / "examples" / "triton_softmax.py")

#: What is timed, what it needs, and the most seconds that it may take.
TASKS = {
    "assay.check, quick": (["script.py", "smoke"], "numpy", 2.0),
    "assay.check": (["script.py", "sweep"], "numpy", 2.5),
    "assay check, in a worker": ([*CHECK, "in_numpy.py:softmax", "--spec", "softmax"], "numpy", 3.5),
    "batch of 65,537": (
        [*CHECK, "in_numpy.py:softmax", "--spec", "softmax", "--size", "65537x16"],
        "numpy",
        10.0,
    ),
    "torch": ([*CHECK, "in_torch.py:softmax", "--spec", "softmax"], "torch", 5.0),
    "JAX": ([*CHECK, "in_jax.py:softmax", "--spec", "softmax"], "jax", 15.0),
    "Triton, interpreted": (
        [*CHECK, f"{TRITON}:softmax", "--spec", "softmax", "axis=-1", "between=0"],
        "triton",
        15.0,
    ),
}

EXAMPLES = {
    "c_gelu.py:gelu": "gelu",
    "c_paged_attention.py:attention": "paged_attention",
    "c_quantize.py:quantize": "quantize format=int8 scope=row epsilon_at=floor",
    "numba_layer_norm.py:layer_norm": "layer_norm",
    "pallas_rms_norm.py:rms_norm": "rms_norm",
    "torch_fused_add_rms_norm.py:fused_add_rms_norm": "fused_add_rms_norm",
    "torch_merge_states.py:merge": "merge_attention_states",
    "torch_rotary_embedding.py:rotary_embedding": "rotary_embedding",
    "torch_silu.py:silu": "silu",
    "triton_grouped_attention.py:attention": (
        "grouped_query_attention head_map=blocked empty_row=zero --tile 16"
    ),
    "triton_softmax.py:softmax": "softmax axis=-1 between=0 --tile 32",
}
"""Kernels of the examples, each with its spec, options and tiles."""

RANKING = {
    "rotary_embedding": "torch_rotary_embedding.py:rotary_embedding",
    "grouped_query_attention": "torch.Tensor.repeat_interleave empty_row=zero",
    "offset_rms_norm": "torch.nn.functional.rms_norm(offset + weight)",
    "fused_add_rms_norm": "torch_fused_add_rms_norm.py:fused_add_rms_norm",
    "gated_linear_unit": "torch.mul(torch.nn.functional)",
    "token_cross_entropy": "torch.nn.functional.cross_entropy",
    "linear_cross_entropy": "torch.nn.functional.linear chunk=none",
    "attention_with_lse": "torch.logsumexp lse_gradient=flows",
    "sliding_window_attention": "torch.nn.functional.scaled_dot_product_attention empty_row=zero",
    "packed_attention": "torch.nn.functional.scaled_dot_product_attention",
    "topk_router": "torch.sort(torch.softmax)",
    "grouped_matmul": "torch.matmul(torch.split)",
    "softcap_attention": "torch.tanh",
    "sink_attention": "torch.softmax",
    "merge_attention_states": "torch_merge_states.py:merge",
    "causal_conv1d": "torch.nn.functional.conv1d(groups=channels)",
    "token_log_probs": "torch.logsumexp",
    "quantize": "c_quantize.py:quantize format=int8 scope=row epsilon_at=floor",
    "scaled_matmul": "torch.matmul",
    "clamped_swiglu": "torch.clamp(torch.sigmoid) kink_gradient=1.0 nan_gradient=zero",
}
"""The first twenty of what kernel authors write: an example, or the API of a binding, and options."""

BOUND = """
import torch
from assay.adapters.binding import bindings

kernel = bindings(["torch"])["{spec}:{api}"].function
"""

NEEDS = {"c": "numpy", "pallas": "jax"}
"""What the languages of the examples are imported as, where that is not their name."""

RUNS = 3
MEMORY = 1.0
"""Gigabytes that any of them may take."""


def spent(arguments: list[str], folder: str) -> tuple[float, float]:
    """Seconds of the processor and of the clock."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return processor, time.perf_counter() - begun


def of_examples() -> dict[str, tuple[list[str], str, float]]:
    """Tasks of the examples, each within 15 seconds."""
    folder = Path(TRITON).parent
    return {
        kernel: (
            [*CHECK, str(folder / kernel), "--spec", *asked.split()],
            NEEDS.get(language := kernel.partition("_")[0], language),
            15.0,
        )
        for kernel, asked in EXAMPLES.items()
    }


def of_ranking(folder: str) -> dict[str, tuple[list[str], str, float]]:
    """Tasks of the ranking, whose kernels lie in a folder, and of the examples in Triton."""
    tasks = {}
    for spec, told in RANKING.items():
        kernel, *options = re.split(r" (?=\w+=)", told)
        need = "numpy" if kernel.startswith("c_") else "torch"
        place = str(Path(TRITON).parent / kernel)
        if ".py:" not in kernel:
            Path(folder, f"bound_{spec}.py").write_text(BOUND.format(spec=spec, api=kernel))
            place = f"bound_{spec}.py:kernel"
        tasks[spec] = ([*CHECK, place, "--like", need, "--spec", spec, *options], need, 15.0)
    return tasks | {kernel: task for kernel, task in of_examples().items() if task[1] == "triton"}


def rank(wanted: list[str], folder: str) -> int:
    """Print the table of the ranking, and how many are past their limit."""
    print("| kernel | seconds of the clock | of the processor |\n|---|---|---|")
    broken = 0
    for name, (arguments, need, limit) in of_ranking(folder).items():
        if wanted and name not in wanted:
            continue
        shown = f"`{name}`, {RANKING[name].split()[0]}" if name in RANKING else f"`{name}`"
        if importlib.util.find_spec(need) is None:
            print(f"| {shown} | not asked: there is no {need} here | |")
            continue
        try:
            processor, clock = spent(arguments, folder)
        except subprocess.CalledProcessError as error:
            broken += 1
            print(f"| {shown} | ended with status {error.returncode} | |", flush=True)
            continue
        broken += processor > limit
        print(f"| {shown} | {clock:.1f} | {processor:.1f} |", flush=True)
    return broken


def main() -> int:
    wanted = [name for name in sys.argv[1:] if not name.startswith("--")]
    tasks = of_examples() if "--examples" in sys.argv else TASKS
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("in_numpy", NUMPY), ("in_torch", TORCH), ("in_jax", JAX), ("script", SCRIPT)):
            Path(folder, f"{name}.py").write_text(text)
        if "--ranking" in sys.argv:
            return int(rank(wanted, folder) > 0)
        print(f"{'best of ' + str(RUNS):48}{'processor':>10}{'clock':>8}{'limit':>8}")
        processor, clock = min(spent(["-c", "import numpy"], folder) for _ in range(RUNS))
        print(f"{'import numpy':48}{processor:10.2f}{clock:8.2f}")
        for name, (arguments, need, limit) in tasks.items():
            if importlib.util.find_spec(need) is None or (wanted and name not in wanted):
                continue
            processor, clock = min(spent(arguments, folder) for _ in range(RUNS))
            broken += processor > limit
            told = "  broken" if processor > limit else ""
            print(f"{name:48}{processor:10.2f}{clock:8.2f}{limit:8.1f}{told}")
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"most memory: {memory:.2f} GB, of {MEMORY:g}")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
