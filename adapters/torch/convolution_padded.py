"""Convolutions of PyTorch that pad with copies: channels first, and an option of the module."""

from __future__ import annotations

from .modules import module


def numbers(widths, n):
    """What is padded on both sides of each axis."""
    return widths if isinstance(widths, str) else tuple(low for low, _ in widths[:n])


for n in (1, 2, 3):
    module(
        "padded_conv",
        f"torch.nn.Conv{n}d(padding_mode)",
        {
            "in_channels": "kernel.shape[-2]",
            "out_channels": "kernel.shape[-1]",
            "kernel_size": "kernel.shape[:-2]",
            "stride": f"strides[:{n}]",
            "padding": f"numbers(widths, {n})",
            "dilation": f"dilation[:{n}]",
            "padding_mode": "mode",
            "bias": "bias is not None",
        },
        {"weight": "kernel.movedim(-1, 0).movedim(-1, 1).contiguous()", "bias": "bias"},
        on="x.movedim(-1, 1).contiguous()",
        returns="y.movedim(1, -1)",
        unused=("mask",),
        fixed={"masked": (False, "has no mask")},
        where={
            f"spatial == {n}": "is of another rank",
            f"widths != 'same' or max(strides[:{n}]) == 1": "torch pads 'same' at stride 1 only",
        },
    )
