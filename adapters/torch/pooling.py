"""Poolings of PyTorch: channels first, symmetric padding."""

from __future__ import annotations

from ..binding import takes
from .framework import torch
from .modules import function, module

WIDTHS = {
    "padding not in ('same', 'same_lower')": "torch's poolings pad by numbers only",
    "padding == 'valid' or all(p[0] == p[1] for p in padding)": "torch pads both sides of an axis alike",
}
LAST_NAN = {"nan": ("hold", "the last NaN of a window takes the gradient")}


def equal_widths(padding):
    return 0 if padding == "valid" else tuple(low for low, _ in padding)


WINDOWS = {
    "kernel_size": "window",
    "stride": "strides",
    "padding": "equal_widths(padding)",
    "ceil_mode": "ceil_mode",
}
MAX, MEAN = WINDOWS | {"dilation": "dilation"}, WINDOWS | {"count_include_pad": "count_padding"}

FORM = {"on": "x.movedim(-1, 1).contiguous()", "returns": "y.movedim(1, -1)", "where": WIDTHS}

for n in (1, 2, 3):
    function(f"max_pool{n}d", f"torch.nn.functional.max_pool{n}d", MAX, fixed=LAST_NAN, **FORM)
    module(f"max_pool{n}d", f"torch.nn.MaxPool{n}d", MAX, fixed=LAST_NAN, **FORM)
    mean = MEAN | ({"divisor_override": "divisor"} if n > 1 else {})
    function(f"avg_pool{n}d", f"torch.nn.functional.avg_pool{n}d", mean, **FORM)
    module(f"avg_pool{n}d", f"torch.nn.AvgPool{n}d", mean, **FORM)

for n in (1, 2, 3):
    for name, operation in (("avg", "mean"), ("max", "max")):
        fixed = LAST_NAN | {"operation": (operation, "its name says so")}
        rank = {f"spatial == {n}": "is of another rank"}
        for word, api in (
            (function, f"torch.nn.functional.adaptive_{name}_pool{n}d"),
            (module, f"torch.nn.Adaptive{name.title()}Pool{n}d"),
        ):
            word(
                "adaptive_pool",
                api,
                {"output_size": f"lengths[:{n}]"},
                **FORM | {"where": rank},
                fixed=fixed,
            )

# --- any rank, from one spec ---

INDICES = {"gives": "y, indices", "returns": "y.movedim(1, -1), indices.movedim(1, -1)"}
PLANE = {"index": ("plane", "torch counts the places of a channel")}


def equal_pairs(padding, n):
    """What is padded on both sides of the first axes."""
    return 0 if padding == "valid" else tuple(low for low, _ in padding[:n])


def unpooled(x, window, rest):
    """Lengths of what windows side by side, and a rest, were laid on."""
    return [n * k + r for n, k, r in zip(x.shape[1:-1], window, rest, strict=False)]


def of_plane(taps, window, rest):
    """Places in that plane, for the places inside each window."""
    lengths, index = taps.shape[1:-1], torch.zeros_like(taps)
    inside = torch.unravel_index(taps, tuple(window[: len(lengths)]))
    for axis, length in enumerate(unpooled(taps, window, rest), 1):
        starts = torch.arange(lengths[axis - 1], device=taps.device) * window[axis - 1]
        along = [-1 if i == axis else 1 for i in range(taps.ndim)]
        index = index * length + starts.reshape(along) + inside[axis - 1]
    return index.long()


for n in (1, 2, 3):
    rank = {f"spatial == {n}": "is of another rank"}
    windows = {"kernel_size": f"window[:{n}]", "stride": f"strides[:{n}]"}
    padded = windows | {"padding": f"equal_pairs(padding, {n})"}
    named = {"padding != 'same'": "torch's poolings pad by numbers only"}
    form = {"on": FORM["on"], "where": rank}
    function(
        "max_pool_with_argmax",
        f"torch.nn.functional.max_pool{n}d_with_indices",
        padded | {"return_indices": "True"},
        **form | {"where": rank | named},
        **INDICES,
        fixed=PLANE,
    )
    module(
        "max_pool_with_argmax",
        f"torch.nn.MaxPool{n}d(return_indices)",
        padded | {"return_indices": "True"},
        **form | {"where": rank | named},
        **INDICES,
        fixed=PLANE,
    )
    function(
        "adaptive_max_pool_with_argmax",
        f"torch.nn.functional.adaptive_max_pool{n}d_with_indices",
        {"output_size": f"lengths[:{n}]"},
        **form,
        **INDICES,
    )
    module(
        "adaptive_max_pool_with_argmax",
        f"torch.nn.AdaptiveMaxPool{n}d(return_indices)",
        {"output_size": f"lengths[:{n}]", "return_indices": "True"},
        **form,
        **INDICES,
    )
    lp = {"norm_type": "power", "ceil_mode": "ceil_mode"} | windows
    if n == 1:
        lp |= {"kernel_size": "window[0]", "stride": "strides[0]"}
    function("lp_pool", f"torch.nn.functional.lp_pool{n}d", lp, **form, returns=FORM["returns"])
    module("lp_pool", f"torch.nn.LPPool{n}d", lp, **form, returns=FORM["returns"])
    back = f"{FORM['on']}, of_plane(taps, window, rest).movedim(-1, 1)"
    function(
        "max_unpool",
        f"torch.nn.functional.max_unpool{n}d",
        {"kernel_size": f"window[:{n}]", "output_size": "unpooled(x, window, rest)"},
        on=back,
        returns=FORM["returns"],
        where=rank,
    )
    module(
        "max_unpool",
        f"torch.nn.MaxUnpool{n}d",
        {"kernel_size": f"window[:{n}]"},
        on=f"{back}, unpooled(x, window, rest)",
        returns=FORM["returns"],
        where=rank,
    )
    function(
        "global_pool",
        f"torch.nn.functional.adaptive_max_pool{n}d",
        {"output_size": "1"},
        on=FORM["on"],
        returns="y.movedim(1, -1) if keepdims else y.flatten(1)",
        where=rank | takes("tie_gradient", "first", "hands all to the first of equal maxima", "ties"),
        fixed={"operation": ("max", "its name says so")},
    )

WHOLE = {"dim": "tuple(range(1, x.ndim - 1))", "keepdim": "keepdims"}
function(
    "global_pool",
    "torch.amax",
    WHOLE,
    where=takes("tie_gradient", "split", "shares it among equal maxima", "ties"),
    fixed={"operation": ("max", "its name says so")},
)
function(
    "global_pool",
    "torch.mean",
    WHOLE,
    fixed={"operation": ("mean", "its name says so"), "tie_gradient": ("split", "a mean has no ties")},
)
