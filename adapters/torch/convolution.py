"""Convolutions of PyTorch: channels first, kernels ``(filters, channels // groups, *window)``.

A transposed convolution's kernel is ``(channels, filters // groups, *window)``, that of the convolution
whose adjoint it is.
"""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import function, module

WIDTHS = {
    "padding not in ('same_lower', 'causal')": "torch pads by equal numbers on both sides, or 'same'",
    "padding in ('valid', 'same') or all(low == high for low, high in padding)": "torch pads sides alike",
    "padding != 'same' or max(strides) == 1": "torch pads 'same' at stride 1 only",
}
ADJOINT = {"flip": (True, "torch's is always the adjoint of a convolution")}
AXES = "for i in (0, 1, 2)[: len(strides)]"
TRANSPOSED = {
    "padding != 'same'": "torch takes the crop in numbers only",
    f"padding != 'valid' or all((kernel[i] - 1) * dilation[i] + 1 >= strides[i] {AXES})": (
        "torch adds no zeros where the kernel is shorter than the stride"
    ),
    "padding == 'valid' or all(low >= max(high, 0) for low, high in padding)": "torch crops both sides alike",
    f"padding == 'valid' or all(padding[i][0] - padding[i][1] < max(strides[i], dilation[i]) {AXES})": (
        "torch's output padding is below stride or dilation"
    ),
}


X, Y = "x.movedim(-1, 1).contiguous()", "y.movedim(1, -1)"
FILTERS_FIRST = "movedim(-1, 0).movedim(-1, 1).contiguous()"
WEIGHT = {"weight": f"kernel.{FILTERS_FIRST}", "bias": "bias"}
SIZES = {
    "in_channels": "kernel.shape[-2] * groups",
    "out_channels": "kernel.shape[-1]",
    "kernel_size": "kernel.shape[:-2]",
    "bias": "bias is not None",
}
CONV = {
    "stride": "strides",
    "padding": "equal_widths(padding)",
    "dilation": "dilation",
    "groups": "groups",
}


def channels_first(x):
    return x.movedim(-1, 1).contiguous()


def channels_last(x):
    return x.movedim(1, -1)


def filters_first(kernel):
    return kernel.movedim(-1, 0).movedim(-1, 1).contiguous()


def equal_widths(padding):
    return padding if isinstance(padding, str) else tuple(low for low, _ in padding)


for n in (1, 2, 3):
    function(f"conv{n}d", f"torch.nn.functional.conv{n}d", CONV, WEIGHT, on=X, returns=Y, where=WIDTHS)
    module(f"conv{n}d", f"torch.nn.Conv{n}d", SIZES | CONV, WEIGHT, on=X, returns=Y, where=WIDTHS)


def padded(x, kernel, strides, dilation):
    """Channels first, with the zeros around that 'same' asks for: the odd one on the high side."""
    widths: list[int] = []
    for length, taps, stride, step in zip(x.shape[1:-1], kernel.shape[:-2], strides, dilation, strict=True):
        total = max((-(-length // stride) - 1) * stride + (taps - 1) * step + 1 - length, 0)
        widths = [total // 2, total - total // 2, *widths]
    return F.pad(channels_first(x), widths)


for n in (1, 2):
    module(
        f"conv{n}d",
        f"torch.nn.Conv{n}d(torch.nn.functional.pad)",
        SIZES | {name: given for name, given in CONV.items() if name != "padding"},
        WEIGHT,
        on="padded(x, kernel, strides, dilation)",
        returns=Y,
        fixed={"padding": ("same", "what is padded before is 'same'")},
        unused=("padding",),
        composition=True,
    )

# Time, batch, channels: each window is a product of matrices, and nothing strides.
function(
    "conv1d",
    "torch.nn.functional.conv_tbc",
    {"pad": "0 if padding == 'valid' else padding[0][0]"},
    on="x.transpose(0, 1).contiguous(), kernel, bias",
    returns="y.transpose(0, 1)",
    where=WIDTHS
    | {
        "padding != 'same'": "pads by a number",
        "max(strides) == max(dilation) == groups == 1": "has no strides, dilation or groups",
        "use_bias": "takes a bias",
    },
    unused=("strides", "dilation", "groups"),
)

for n in (1, 2):
    function(
        f"depthwise_conv{n}d",
        f"torch.nn.functional.conv{n}d",
        CONV | {"groups": "kernel.shape[-2]"},
        WEIGHT | {"weight": f"kernel.flatten(-2).unsqueeze(-2).{FILTERS_FIRST}"},
        on=X,
        returns=Y,
        where=WIDTHS,
        composition=True,
    )


@binds("separable_conv1d", "torch.nn.functional.conv1d", where=WIDTHS, composition=True)
@binds("separable_conv2d", "torch.nn.functional.conv2d", where=WIDTHS, composition=True)
def separable_conv(x, kernel, pointwise, bias, strides, padding, dilation):
    convolve = F.conv1d if len(strides) == 1 else F.conv2d
    weight = filters_first(kernel.flatten(-2).unsqueeze(-2))
    hidden = convolve(
        channels_first(x),
        weight,
        stride=strides,
        padding=equal_widths(padding),
        dilation=dilation,
        groups=kernel.shape[-2],
    )
    mixing = pointwise.T.contiguous().reshape(pointwise.shape[::-1] + (1,) * len(strides))
    return channels_last(convolve(hidden, mixing, bias))


def crop(padding):
    """What is cropped on both sides."""
    return 0 if padding == "valid" else tuple(low for low, _ in padding)


def left_standing(padding):
    """What is left standing on the high side of what is cropped."""
    return 0 if padding == "valid" else tuple(low - high for low, high in padding)


def output_lengths(x, kernel, strides, padding, dilation):
    """The lengths of what a transposed convolution gives, the crop taken off."""
    crops = [(0, 0)] * len(strides) if padding == "valid" else padding
    lengths = zip(x.shape[1:], kernel.shape, strides, dilation, crops, strict=False)
    return [(n - 1) * s + (k - 1) * d + 1 - low - high for n, k, s, d, (low, high) in lengths]


TRANSPOSED_SIZES = SIZES | {"in_channels": "kernel.shape[-1]", "out_channels": "kernel.shape[-2] * groups"}
TRANSPOSED_CONV = CONV | {"padding": "crop(padding)", "output_padding": "left_standing(padding)"}

for n in (1, 2, 3):
    function(
        f"conv_transpose{n}d",
        f"torch.nn.functional.conv_transpose{n}d",
        TRANSPOSED_CONV,
        WEIGHT,
        on=X,
        returns=Y,
        where=TRANSPOSED,
        fixed=ADJOINT,
    )
    module(
        f"conv_transpose{n}d",
        f"torch.nn.ConvTranspose{n}d",
        TRANSPOSED_SIZES | TRANSPOSED_CONV,
        WEIGHT,
        on=X,
        returns=Y,
        where=TRANSPOSED,
        fixed=ADJOINT,
    )
    module(
        f"conv_transpose{n}d",
        f"torch.nn.ConvTranspose{n}d(output_size)",
        TRANSPOSED_SIZES | {k: v for k, v in TRANSPOSED_CONV.items() if k != "output_padding"},
        WEIGHT,
        on=f"{X}, output_lengths(x, kernel, strides, padding, dilation)",
        returns=Y,
        where=TRANSPOSED
        | {
            f"padding == 'valid' or all(padding[i][0] - padding[i][1] < strides[i] {AXES})": (
                "takes an output size less than a stride beyond the least"
            )
        },
        fixed=ADJOINT,
    )


def cropped(y, x, strides):
    """Channels last, cut to the lengths of ``x`` times strides: the odd element off the high side."""
    for axis, (length, stride) in enumerate(zip(x.shape[1:-1], strides, strict=True), 2):
        y = y.narrow(axis, (y.shape[axis] - length * stride) // 2, length * stride)
    return channels_last(y)


for n in (1, 2):
    module(
        f"conv_transpose{n}d",
        f"torch.nn.ConvTranspose{n}d(torch.Tensor.narrow)",
        TRANSPOSED_SIZES | {name: CONV[name] for name in ("stride", "dilation", "groups")},
        WEIGHT,
        on=X,
        returns="cropped(y, x, strides)",
        where={
            f"all((kernel[i] - 1) * dilation[i] + 1 >= strides[i] {AXES})": (
                "torch adds no zeros where the kernel is shorter than the stride"
            ),
            "data not in ('nan', 'infinities')": (
                "what is cut has a gradient of 0, which makes NaN of what is not finite"
            ),
        },
        fixed=ADJOINT | {"padding": ("same", "what is cut after is 'same'")},
        unused=("padding",),
        composition=True,
    )


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
    matrix = torch.einsum("ios,oscf->icof", seen, kernel).flatten(2).flatten(0, 1)
    y = (x.flatten(1) @ matrix).unflatten(1, (places, filters))
    return y if bias is None else y + bias


@binds(
    "tied_conv_transpose2d",
    "torch.nn.functional.conv_transpose2d",
    fixed=ADJOINT | {"padding": ("valid", "torch crops by numbers")},
    composition=True,
)
def tied_conv_transpose2d(x, kernel, strides):
    weight = filters_first(kernel)
    hidden = F.conv2d(channels_first(x), weight, stride=strides)
    left = [max(s - k, 0) for k, s in zip(kernel.shape, strides, strict=False)]
    return channels_last(F.conv_transpose2d(hidden, weight, stride=strides, output_padding=left))


@binds(
    "tied_conv_transpose2d",
    "torch.flip",
    fixed={"padding": ("valid", "pads in full")},
    where={"max(strides) == 1": "a convolution does not spread its input"},
    composition=True,
)
def tied_conv_transpose2d_flipped(x, kernel, flip):
    """A convolution with the same kernel flipped in space, channels and filters exchanged, padded in full."""
    weight = filters_first(kernel)
    back = torch.flip(weight, (2, 3)) if flip else weight
    full = [k - 1 for k in kernel.shape[:2]]
    return channels_last(F.conv2d(F.conv2d(channels_first(x), weight), back.transpose(0, 1), padding=full))
