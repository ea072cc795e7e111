"""A softmax in Triton: one program per row. Compiled where there is a GPU, interpreted on the CPU elsewhere.

    assay check examples/triton_softmax.py:softmax --spec softmax axis=-1 between=0 --tile 32
    assay check examples/triton_softmax.py:broken --spec softmax axis=-1 between=0 --tile 32

The broken twin loads 0 where it should load minus infinity: lanes behind the end of a row count in its sum.
"""

import os

import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is decorated

import triton
import triton.language as tl


@triton.jit
def softmax_kernel(x, y, stride, step, length, FILL: tl.constexpr, BLOCK: tl.constexpr):
    row, column = tl.program_id(0), tl.arange(0, BLOCK)
    inside = column < length
    values = tl.load(x + row * stride + column * step, mask=inside, other=FILL).to(tl.float32)
    powers = tl.exp(values - tl.max(values, axis=0))
    tl.store(y + row * length + column, (powers / tl.sum(powers, axis=0)).to(y.dtype.element_ty), mask=inside)


def run(x: torch.Tensor, fill: float) -> torch.Tensor:
    rows, length = x.shape
    y = torch.empty_like(x, memory_format=torch.contiguous_format)
    softmax_kernel[(rows,)](
        x, y, x.stride(0), x.stride(1), length, FILL=fill, BLOCK=triton.next_power_of_2(length)
    )
    return y


def softmax(x: torch.Tensor) -> torch.Tensor:
    return run(x, -float("inf"))


def broken(x: torch.Tensor) -> torch.Tensor:
    return run(x, 0.0)
