"""A kernel that is right as it is called and wrong by a path fails there, and so does a path not in force."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import assay
from assay.errors import Usage

CHECK = """
import json, sys
import torch
import assay
import kernels_by_path

compiling = torch.compile
torch.compile = lambda function, **how: compiling(function, backend="eager", **how)  # it only traces
told = {}
for each in sys.argv[1:]:
    name, path, dtype = each.split()
    kernel, case = getattr(kernels_by_path, name), f"gelu/default/{dtype}/normal/3x17"
    report = assay.check(kernel, "gelu", dtypes=dtype, cases=[case], path=path.strip("-"), fooled=False)
    told[each] = " ".join(finding.message for finding in report.data.findings)
print(json.dumps(told))
"""

KERNELS = """
import jax
import torch


def right(x: torch.Tensor):
    return x * 0.5 * (1 + torch.erf(x * 0.5**0.5))


def quick_where_traced(x: torch.Tensor):
    return torch.relu(x) if torch.compiler.is_compiling() else right(x)


def breaking(x: torch.Tensor):
    torch._dynamo.graph_break()
    return right(x)


def by_autograd(x: torch.Tensor):
    with torch.enable_grad():
        ones = torch.ones_like(x, requires_grad=True)
        return torch.autograd.grad((right(x.detach()) * ones).sum(), ones)[0]


class OfOtherSample(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return right(x)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, cotangent):
        with torch.enable_grad():
            x = ctx.saved_tensors[0].detach().requires_grad_()
            return torch.autograd.grad(right(x), x, cotangent)[0]

    @staticmethod
    def vmap(info, in_dims, x):
        return OfOtherSample.apply(x.flip(0)), 0


def of_other_sample(x: torch.Tensor):
    return OfOtherSample.apply(x)


def of_bfloat16(x: torch.Tensor):
    bits = x.contiguous().view(torch.bfloat16)[..., : x.shape[-1]]
    return right(bits @ torch.eye(x.shape[-1], dtype=torch.bfloat16))


def with_product(x: torch.Tensor):
    return right(x @ torch.eye(x.shape[-1], dtype=x.dtype))


def traced(x: jax.Array):
    return jax.nn.gelu(x, approximate=False)


def untraceable(x: jax.Array):
    return traced(x) if float(x.size) and float(x[0, 0]) < 9 else x


@jax.custom_batching.custom_vmap
def swapped(x: jax.Array):
    return traced(x)


@swapped.def_vmap
def _(size, batched, x):
    return traced(x[::-1]), True
"""

RIGHT = (
    *("quick_where_traced - float32", "right compiled float32", "breaking - float32"),
    *("by_autograd - float32", "right custom_op float32", "breaking custom_op float32"),
    *("of_other_sample - float32", "right vmap float32", "of_bfloat16 - bfloat16"),
    "with_product autocast bfloat16",
    *("traced jit float32", "untraceable - float32", "swapped - float32", "traced vmap float32"),
)
WRONG = {
    "quick_where_traced compiled float32": "expected",
    "breaking compiled float32": "the path compiled is not in force",
    "by_autograd custom_op float32": "does not require grad",
    "of_other_sample vmap float32": "expected",
    "of_bfloat16 autocast bfloat16": "expected",
    "right autocast bfloat16": "the path autocast is not in force",
    "untraceable jit float32": "the path jit is not in force",
    "swapped vmap float32": "expected",
}


def test_a_kernel_is_held_to_the_same_by_every_path_and_the_path_must_be_in_force(tmp_path):
    (tmp_path / "kernels_by_path.py").write_text(KERNELS)
    run = [sys.executable, "-c", CHECK, *RIGHT, *WRONG]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert {each: told[each] for each in RIGHT if told[each]} == {}
    assert {each: told[each] for each, word in WRONG.items() if word not in told[each]} == {}


def test_a_path_that_a_library_has_not_is_refused_with_those_that_it_has():
    with pytest.raises(Usage, match=r"kernels of torch have no path 'jit': they have .*compiled.*vmap"):
        assay.check(lambda x: x, "identity", like="torch", path="jit")
    with pytest.raises(Usage, match="kernels of numpy have no path 'vmap': they have none"):
        assay.check(lambda x: x, "identity", path="vmap")
    with pytest.raises(Usage, match="out="):
        assay.check(lambda x, out: None, "identity", like="torch", path="vmap")
