"""Convolutions of PyTorch: channels first, kernels ``(filters, channels // groups, *window)``.

A transposed convolution's kernel is ``(channels, filters // groups, *window)``, that of the convolution
whose adjoint it is.
"""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import call_module

WIDTHS = {
    "padding not in ('same_lower', 'causal')": "torch pads by equal numbers on both sides, or 'same'",
    "padding in ('valid', 'same') or all(low == high for low, high in padding)": "torch pads sides alike",
    "padding != 'same' or max(strides) == 1": "torch pads 'same' at stride 1 only",
}
TRANSPOSED = {
    "flip": "torch's is always the adjoint of a convolution",
    "padding != 'same'": "torch takes the crop in numbers only",
    "padding != 'valid' or all((kernel[i] - 1) * dilation[i] + 1 >= strides[i] for i in (0, 1))": (
        "torch adds no zeros where the kernel is shorter than the stride"
    ),
    "padding == 'valid' or all(low >= max(high, 0) for low, high in padding)": "torch crops both sides alike",
    "padding == 'valid' or all("
    "padding[i][0] - padding[i][1] < max(strides[i], dilation[i]) for i in (0, 1))": (
        "torch's output padding is below stride or dilation"
    ),
}


def channels_first(x):
    return x.movedim(-1, 1).contiguous()


def channels_last(x):
    return x.movedim(1, -1)


def filters_first(kernel):
    return kernel.movedim(-1, 0).movedim(-1, 1).contiguous()


def equal_widths(padding):
    return padding if isinstance(padding, str) else tuple(low for low, _ in padding)


def conv_by(function, x, kernel, bias, *options):
    return channels_last(function(channels_first(x), filters_first(kernel), bias, *options))


@binds("conv1d", "torch.nn.functional.conv1d", where=WIDTHS)
def conv1d(x, kernel, bias, strides, padding, dilation, groups):
    return conv_by(F.conv1d, x, kernel, bias, strides, equal_widths(padding), dilation, groups)


@binds("conv2d", "torch.nn.functional.conv2d", where=WIDTHS)
def conv2d(x, kernel, bias, strides, padding, dilation, groups):
    return conv_by(F.conv2d, x, kernel, bias, strides, equal_widths(padding), dilation, groups)


@binds("conv3d", "torch.nn.functional.conv3d", where=WIDTHS)
def conv3d(x, kernel, bias, strides, padding, dilation, groups):
    return conv_by(F.conv3d, x, kernel, bias, strides, equal_widths(padding), dilation, groups)


@binds("depthwise_conv2d", "torch.nn.functional.conv2d", where=WIDTHS, composition=True)
def depthwise_conv2d(x, kernel, bias, strides, padding, dilation):
    grouped = kernel.flatten(-2).unsqueeze(-2)
    return conv_by(F.conv2d, x, grouped, bias, strides, equal_widths(padding), dilation, kernel.shape[-2])


def conv_by_module(module, x, kernel, bias, strides, padding, dilation, groups):
    *window, channels, filters = kernel.shape
    layer = module(
        channels * groups,
        filters,
        tuple(window),
        stride=strides,
        padding=equal_widths(padding),
        dilation=dilation,
        groups=groups,
        bias=bias is not None,
    )
    return channels_last(call_module(layer, channels_first(x), weight=filters_first(kernel), bias=bias))


@binds("conv1d", "torch.nn.Conv1d", where=WIDTHS)
def conv1d_module(x, kernel, bias, strides, padding, dilation, groups):
    return conv_by_module(torch.nn.Conv1d, x, kernel, bias, strides, padding, dilation, groups)


@binds("conv2d", "torch.nn.Conv2d", where=WIDTHS)
def conv2d_module(x, kernel, bias, strides, padding, dilation, groups):
    return conv_by_module(torch.nn.Conv2d, x, kernel, bias, strides, padding, dilation, groups)


@binds("conv3d", "torch.nn.Conv3d", where=WIDTHS)
def conv3d_module(x, kernel, bias, strides, padding, dilation, groups):
    return conv_by_module(torch.nn.Conv3d, x, kernel, bias, strides, padding, dilation, groups)


def crops(padding):
    """Crop of both sides, and what is left standing of it on the high side."""
    pairs = ((0, 0), (0, 0)) if padding == "valid" else padding
    return tuple(low for low, _ in pairs), tuple(low - high for low, high in pairs)


@binds("conv_transpose2d", "torch.nn.functional.conv_transpose2d", where=TRANSPOSED)
def conv_transpose2d(x, kernel, bias, strides, padding, dilation, groups):
    return conv_by(F.conv_transpose2d, x, kernel, bias, strides, *crops(padding), groups, dilation)


@binds("conv_transpose2d", "torch.nn.ConvTranspose2d", where=TRANSPOSED)
def conv_transpose2d_module(x, kernel, bias, strides, padding, dilation, groups):
    *window, filters, channels = kernel.shape
    crop, output_padding = crops(padding)
    layer = torch.nn.ConvTranspose2d(
        channels,
        filters * groups,
        tuple(window),
        stride=strides,
        padding=crop,
        output_padding=output_padding,
        groups=groups,
        bias=bias is not None,
        dilation=dilation,
    )
    return channels_last(call_module(layer, channels_first(x), weight=filters_first(kernel), bias=bias))


def patches(x, window, strides, padding):
    """What each place sees: ``(batch, *places, channels, *window)``."""
    if padding == "same":
        totals = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, k, s in zip(x.shape[1:], window, strides, strict=False)
        ]
        x = F.pad(x, [0, 0, *(w for t in reversed(totals) for w in (t // 2, t - t // 2))])
    for axis, (k, s) in enumerate(zip(window, strides, strict=True), 1):
        x = x.unfold(axis, k, s)
    return x


@binds("locally_connected1d", "torch.Tensor.unfold", composition=True)
def locally_connected1d(x, kernel, bias, strides, padding):
    y = torch.einsum("bocs,oscf->bof", patches(x, kernel.shape[1:2], strides, padding), kernel)
    return y if bias is None else y + bias


@binds("locally_connected2d", "torch.Tensor.unfold", composition=True)
def locally_connected2d(x, kernel, bias, strides, padding):
    y = torch.einsum("bopcst,opstcf->bopf", patches(x, kernel.shape[2:4], strides, padding), kernel)
    return y if bias is None else y + bias


@binds(
    "locally_connected1d",
    "torch.matmul",
    where={"data != 'nan'": "a banded matrix multiplies by zeros, which spreads NaN"},
    composition=True,
)
def locally_connected1d_banded(x, kernel, bias, strides, padding):
    """One dense layer, whose matrix holds the kernel of each place in the rows that the place sees."""
    places, window, _, filters = kernel.shape
    length, (stride,) = x.shape[1], strides
    low = max((places - 1) * stride + window - length, 0) // 2 if padding == "same" else 0
    rows = (
        torch.arange(length, device=x.device)[:, None] + low - stride * torch.arange(places, device=x.device)
    )
    seen = (rows[..., None] == torch.arange(window, device=x.device)).to(x.dtype)
    matrix = torch.einsum("ios,oscf->icof", seen, kernel).reshape(x[0].numel(), places * filters)
    y = (x.flatten(1) @ matrix).unflatten(1, (places, filters))
    return y if bias is None else y + bias


VALID = {
    "padding == 'valid'": "torch crops by numbers",
    "flip": "torch's is always the adjoint of a convolution",
}


@binds("tied_conv_transpose2d", "torch.nn.functional.conv_transpose2d", where=VALID, composition=True)
def tied_conv_transpose2d(x, kernel, strides):
    weight = filters_first(kernel)
    hidden = F.conv2d(channels_first(x), weight, stride=strides)
    left = [max(s - k, 0) for k, s in zip(kernel.shape, strides, strict=False)]
    return channels_last(F.conv_transpose2d(hidden, weight, stride=strides, output_padding=left))


@binds(
    "tied_conv_transpose2d",
    "torch.flip",
    where={
        "padding == 'valid'": "pads in full",
        "max(strides) == 1": "a convolution does not spread its input",
    },
    composition=True,
)
def tied_conv_transpose2d_flipped(x, kernel, flip):
    """A convolution with the same kernel flipped in space, channels and filters exchanged, padded in full."""
    weight = filters_first(kernel)
    back = torch.flip(weight, (2, 3)) if flip else weight
    full = [k - 1 for k in kernel.shape[:2]]
    return channels_last(F.conv2d(F.conv2d(channels_first(x), weight), back.transpose(0, 1), padding=full))
