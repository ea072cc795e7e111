"""An atlas of one API, and others in which one thing each has changed, by the name of the change."""

from __future__ import annotations

import msgspec

from assay.harness.mapping.arguments import Argument
from assay.harness.mapping.atlas import Atlas
from assay.harness.mapping.sheets import Seen, Sheet, Signature, Weight
from assay.harness.record import Target

__all__ = ["ATLAS", "EPS", "PLANTED", "TARGET", "seen"]

TARGET = Target("torch/cpu", "torch", "cpu", "eager", available=True)
EPS = Argument(
    "layer_norm", "torch.nn.LayerNorm", "torch/cpu", "eps", "epsilon", ("epsilon",), "default", "1e-05"
)
SHEET = Sheet(
    "layer_norm",
    "torch.nn.LayerNorm",
    "torch/cpu",
    "layer_norm/default/float32/normal/3x17",
    (Signature("normalized_shape"), Signature("eps", default="1e-05")),
    (Weight("weight", "float32", "(features)", True, law="1"),),
    (
        Seen("type", "x: int32", raises="RuntimeError: not implemented for 'Int'"),
        Seen("type", "x: float16", "float16 (3, 17)"),
        Seen("argument", "eps=-1", "float32 (3, 17) NaN"),
        Seen("state", "after a call", "nothing has changed"),
        Seen("mode", "mode", "training"),
    ),
)
ATLAS = Atlas((TARGET,), (EPS,), (), (SHEET,))


def with_sheet(**fields):
    return msgspec.structs.replace(ATLAS, sheets=(msgspec.structs.replace(SHEET, **fields),))


def seen(place, **fields):
    """The atlas in which one call came to something else."""
    told = list(SHEET.seen)
    told[place] = msgspec.structs.replace(told[place], **fields)
    return with_sheet(seen=tuple(told))


NEW_DEFAULT = msgspec.structs.replace(ATLAS, arguments=(msgspec.structs.replace(EPS, default="0.001"),))

PLANTED = {
    "default changed: eps 1e-05 → 0.001": NEW_DEFAULT,
    "argument gone: eps, 1e-05": with_sheet(signature=SHEET.signature[:1]),
    "argument new: bias, True": with_sheet(signature=(*SHEET.signature, Signature("bias", default="True"))),
    "argument changed: eps 1e-05 → 1e-05, by name alone": with_sheet(
        signature=(SHEET.signature[0], Signature("eps", "name", "1e-05"))
    ),
    "order changed: of arguments normalized_shape, eps → eps, normalized_shape": with_sheet(
        signature=SHEET.signature[::-1]
    ),
    "weight gone: weight, (features) float32": with_sheet(
        weights=(msgspec.structs.replace(SHEET.weights[0], name="gamma"),)
    ),
    "drawn changed: weight 1 → 0": with_sheet(weights=(msgspec.structs.replace(SHEET.weights[0], law="0"),)),
    "error changed: x: int32 raises RuntimeError → float32 (3, 17)": seen(
        0, raises="", gives="float32 (3, 17)"
    ),
    "type changed: x: float16 float16 (3, 17) → float32 (3, 17)": seen(1, gives="float32 (3, 17)"),
    "result changed: eps=-1 float32 (3, 17) NaN → float32 (3, 17)": seen(2, gives="float32 (3, 17)"),
    "state changed: after a call nothing has changed → weight": seen(3, gives="weight"),
    "unsaid changed: mode training → inference": seen(4, gives="inference"),
    "api gone: in torch/cpu, there": msgspec.structs.replace(ATLAS, sheets=()),
}
"""Atlases in which one thing is not as in `ATLAS`, by how that is named."""
