"""Layers of PyTorch that compute nothing; its channels come first."""

from __future__ import annotations

from .modules import function, module

FORM = {"on": "x.movedim(-1, 1)", "returns": "y.movedim(1, -1)"}
PLACE = {"channel_order": ("block", "the place in a block runs fastest")}

for spec, way, name, option in (
    ("depth_to_space", "shuffle", "PixelShuffle", "upscale_factor"),
    ("space_to_depth", "unshuffle", "PixelUnshuffle", "downscale_factor"),
):
    function(spec, f"torch.nn.functional.pixel_{way}", {option: "block"}, **FORM, fixed=PLACE)
    module(spec, f"torch.nn.{name}", {option: "block"}, **FORM, fixed=PLACE)

for name in ("channel_shuffle", "native_channel_shuffle"):
    function("channel_shuffle", f"torch.nn.functional.{name}", {"groups": "groups"}, **FORM)
module("channel_shuffle", "torch.nn.ChannelShuffle", {"groups": "groups"}, **FORM)

# --- reshaping ---

IN_ORDER = {"layout": ("channels_last", "lays out what it is given as it stands")}

function("reshape", "torch.reshape", on="x, (x.shape[0], *target)", fixed=IN_ORDER)
module("reshape", "torch.nn.Flatten", unused=("target",), fixed=IN_ORDER | {"target": ((-1,), "flattens")})
module(
    "reshape",
    "torch.nn.Unflatten",
    {"dim": "1", "unflattened_size": "target[:2]"},
    where={"len(target) == 4": "takes one axis apart"},
    fixed=IN_ORDER,
)
function("permute", "torch.permute", {"dims": "axes"})
function(
    "repeat_vector",
    "torch.Tensor.expand",
    on="x[:, None], -1, steps, -1",
    where={"steps >= 1": "expands to no steps without a word, and keeps a length of -1"},
)

# --- windows ---

NUMBERS = {"padding != 'same'": "torch pads by numbers"}


def equal_widths(padding):
    """What is padded on both sides."""
    return 0 if padding == "valid" else tuple(low for low, _ in padding)


def places(x, window, strides, dilation, padding):
    """How many windows there are along each axis of an image."""
    widths = (0, 0) if padding == "valid" else equal_widths(padding)
    return tuple(
        (n + 2 * p - (k - 1) * d - 1) // s + 1
        for n, k, s, d, p in zip(x.shape[1:3], window, strides, dilation, widths, strict=True)
    )


WINDOWS = {
    "kernel_size": "window",
    "stride": "strides",
    "dilation": "dilation",
    "padding": "equal_widths(padding)",
}
COLUMNS = {"on": "x.movedim(-1, 1)", "where": NUMBERS, "fixed": PLACE}
BACK = "y.unflatten(2, places(x, window, strides, dilation, padding)).movedim(1, -1)"
LAID_OUT = {"on": "x.movedim(-1, 1).flatten(2)", "returns": "y.movedim(1, -1)", "fixed": PLACE}

function("unfold", "torch.nn.functional.unfold", WINDOWS, **COLUMNS, returns=BACK)
module("unfold", "torch.nn.Unfold", WINDOWS, **COLUMNS, returns=BACK)
function("fold", "torch.nn.functional.fold", {"output_size": "lengths"} | WINDOWS, **LAID_OUT)
module("fold", "torch.nn.Fold", {"output_size": "lengths"} | WINDOWS, **LAID_OUT)
