"""Paddings of PyTorch: channels first, widths from the last axis on."""

from __future__ import annotations

from .modules import function, module

FORM = {"on": "x.movedim(-1, 1)", "returns": "y.movedim(1, -1)"}


def from_the_last(widths, spatial):
    """The pairs of so many axes, one after the other."""
    return tuple(width for pair in widths[:spatial][::-1] for width in pair)


WIDTHS = "from_the_last(widths, x.ndim - 2)"
NO_SYMMETRIC = {"mode != 'symmetric'": "torch pads by no such copies"}

function(
    "pad",
    "torch.nn.functional.pad",
    {"pad": WIDTHS, "mode": "mode", "value": "value if mode == 'constant' else None"},
    where=NO_SYMMETRIC,
    **FORM,
)

COPIES = {"Reflection": "reflect", "Replication": "replicate", "Circular": "circular"}
NO_VALUE = {"value": (0.0, "takes no value")}
CONSTANT = {"mode": ("constant", "pads with a number")}

for n in (1, 2, 3):
    rank = {f"spatial == {n}": "is of another rank"}
    for name, mode in COPIES.items():
        module(
            "pad",
            f"torch.nn.{name}Pad{n}d",
            {"padding": WIDTHS},
            where=rank,
            fixed={"mode": (mode, "pads with copies")} | NO_VALUE,
            **FORM,
        )
    module("pad", f"torch.nn.ZeroPad{n}d", {"padding": WIDTHS}, where=rank, fixed=CONSTANT | NO_VALUE, **FORM)
    module(
        "pad",
        f"torch.nn.ConstantPad{n}d",
        {"padding": WIDTHS, "value": "value"},
        where=rank,
        fixed=CONSTANT,
        **FORM,
    )


def negative(widths):
    """Widths that crop."""
    return tuple((-low, -high) for low, high in widths)


function(
    "crop",
    "torch.nn.functional.pad",
    {"pad": "from_the_last(negative(widths), x.ndim - 2)"},
    **FORM,
)
