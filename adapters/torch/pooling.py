"""Poolings of PyTorch: channels first, symmetric padding."""

from __future__ import annotations

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
    function(f"avg_pool{n}d", f"torch.nn.functional.avg_pool{n}d", MEAN, **FORM)
    module(f"avg_pool{n}d", f"torch.nn.AvgPool{n}d", MEAN, **FORM)

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
