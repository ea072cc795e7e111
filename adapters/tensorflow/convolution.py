"""Convolutions of tf.nn, which have no bias of their own: it is added by ``tf.nn.bias_add``."""

from __future__ import annotations

from .framework import binds, function, tf

NOT_BOTH = {
    "max(strides) == 1 or max(dilation) == 1": "tf.nn.convolution refuses strides and dilation together"
}
NAMED = {"padding in ('valid', 'same')": "this function pads by name, 'VALID' or 'SAME'"}
EXPLICIT = {"padding not in ('same_lower', 'causal')": "tf.nn has no such padding"}
NO_GROUPS = {"groups": (1, "tf.nn.conv3d has no groups")}
ADJOINT = {"flip": (True, "TensorFlow's is always the adjoint of a convolution")}


def with_bias(y, bias):
    return y if bias is None else tf.nn.bias_add(y, bias)


def tf_padding(padding):
    return padding.upper() if isinstance(padding, str) else [(0, 0), *padding, (0, 0)]


FORM = {"on": "x, kernel", "returns": "with_bias(y, bias)"}
CONV = {"strides": "strides", "padding": "tf_padding(padding)", "dilations": "dilation"}
BY_NAME = CONV | {"padding": "padding.upper()"}
FIVE_AXES = {"strides": "(1, *strides, 1)", "dilations": "(1, *dilation, 1)", "padding": "padding.upper()"}
STRIDE = {"stride": "strides", "padding": "padding.upper()", "dilations": "dilation"}

function("conv1d", "tf.nn.conv1d", STRIDE, **FORM, unused=("groups",), where=NAMED)
function("conv2d", "tf.nn.conv2d", CONV, **FORM, unused=("groups",), where=EXPLICIT)
function("conv3d", "tf.nn.conv3d", FIVE_AXES, **FORM, where=NAMED, fixed=NO_GROUPS)
for spec, fixed in (("conv1d", {}), ("conv2d", {}), ("conv3d", NO_GROUPS)):
    function(
        spec, "tf.nn.convolution", BY_NAME, **FORM, unused=("groups",), where=NAMED | NOT_BOTH, fixed=fixed
    )
function(
    "depthwise_conv2d",
    "tf.nn.depthwise_conv2d",
    CONV | {"strides": "(1, *strides, 1)"},
    **FORM,
    where=EXPLICIT,
)
function(
    "separable_conv2d",
    "tf.nn.separable_conv2d",
    CONV | {"strides": "(1, *strides, 1)"},
    on="x, kernel, pointwise[tf.newaxis, tf.newaxis]",
    returns=FORM["returns"],
    where=EXPLICIT,
)


def output_lengths(x, kernel, strides, padding, dilation):
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    if padding == "same":
        return [n * s for n, s in zip(x.shape[1:], strides, strict=False)]
    if padding == "valid":
        return [n * s + max(e - s, 0) for n, s, e in zip(x.shape[1:], strides, reach, strict=False)]
    full = [(n - 1) * s + e for n, s, e in zip(x.shape[1:], strides, reach, strict=False)]
    return [n - low - high for n, (low, high) in zip(full, padding, strict=True)]


OUTPUT = {
    "output_shape": "[len(x), *output_lengths(x, kernel, strides, padding, dilation), "
    "kernel.shape[-2] * groups]"
}
NO_GROUPS_BACK = {"groups": (1, "tf.nn.conv3d_transpose has no groups")}
CROPS = {"padding in ('valid', 'same') or all(min(p) >= 0 for p in padding)": "the crop cannot be negative"}
# What is given beside the crop: one that stands by name, or in numbers.
for n, options, where in ((1, BY_NAME, NAMED), (2, CONV, CROPS), (3, FIVE_AXES, NAMED)):
    fixed = ADJOINT | (NO_GROUPS_BACK if n == 3 else {})
    own = f"conv_transpose{n}d", f"tf.nn.conv{n}d_transpose"
    function(*own, OUTPUT | options, **FORM, where=where, fixed=fixed)
    every = f"conv_transpose{n}d", "tf.nn.conv_transpose"
    function(*every, OUTPUT | BY_NAME, **FORM, where=NAMED, fixed=fixed)

# By the shape of the output alone: 'SAME' crops what is left beside it, the odd element on the high side, and
# 'VALID' adds fewer zeros than a stride.
LEFT = "(kernel[i] - 1) * dilation[i] + 1 - padding[i][0] - padding[i][1]"
EACH = "for i in (0, 1, 2)[: len(strides)]"
BY_SHAPE = {
    "padding not in ('valid', 'same') and ("
    f"all(padding[i][0] == 0 <= -padding[i][1] < strides[i] {EACH}) or "
    f"all(0 <= padding[i][0] <= padding[i][1] <= padding[i][0] + 1 and 0 < {LEFT} <= strides[i] {EACH}))": (
        "a length is that of some output of a convolution, padded by name"
    )
}
NAME = {"padding": "'SAME' if any(max(pair) > 0 for pair in padding) else 'VALID'"}
for n, options in ((1, CONV), (2, CONV), (3, FIVE_AXES)):
    function(
        f"conv_transpose{n}d",
        f"tf.nn.conv{n}d_transpose(output_shape)",
        OUTPUT | options | NAME,
        **FORM,
        where=BY_SHAPE,
        fixed=ADJOINT | (NO_GROUPS_BACK if n == 3 else {}),
    )

# Dilated by one rate along both axes: where that is not 1, space is laid out in batches, and back.
ATROUS = NAMED | {
    "min(strides) == max(strides) == 1": "does not stride",
    "min(dilation) == max(dilation)": "takes one rate",
}
RATE = {"rate": "dilation[0]", "padding": "padding.upper()"}
ONE_GROUP = {"groups": (1, "has no groups")}
function("conv2d", "tf.nn.atrous_conv2d", RATE, **FORM, unused=("strides",), where=ATROUS, fixed=ONE_GROUP)
function(
    "conv_transpose2d",
    "tf.nn.atrous_conv2d_transpose",
    OUTPUT | RATE,
    **FORM,
    where=ATROUS,
    fixed=ADJOINT | ONE_GROUP,
)


def patches(x, window, strides, padding):
    """What each place of an image sees: ``(batch, *places, taps * channels)``."""
    return tf.image.extract_patches(x, (1, *window, 1), (1, *strides, 1), (1, 1, 1, 1), padding.upper())


@binds("locally_connected1d", "tf.image.extract_patches", composition=True)
def locally_connected1d(x, kernel, bias, strides, padding):
    places, window, channels, filters = kernel.shape
    seen = tf.squeeze(patches(x[:, tf.newaxis], (1, window), (1, *strides), padding), 1)
    y = tf.einsum("bok,okf->bof", seen, tf.reshape(kernel, (places, window * channels, filters)))
    return y if bias is None else y + bias


@binds("locally_connected2d", "tf.image.extract_patches", composition=True)
def locally_connected2d(x, kernel, bias, strides, padding):
    *places, height, width, channels, filters = kernel.shape
    seen = patches(x, (height, width), strides, padding)
    y = tf.einsum("bopk,opkf->bopf", seen, tf.reshape(kernel, (*places, height * width * channels, filters)))
    return y if bias is None else y + bias


@binds("tied_conv_transpose2d", "tf.nn.conv2d_transpose", fixed=ADJOINT, composition=True)
def tied_conv_transpose2d(x, kernel, strides, padding):
    hidden = tf.nn.conv2d(x, kernel, strides, padding.upper())
    shape = [len(x), *output_lengths(hidden, kernel, strides, padding, (1, 1)), kernel.shape[-2]]
    return tf.nn.conv2d_transpose(hidden, kernel, shape, strides, padding.upper())
