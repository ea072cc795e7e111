"""Two atlases against each other: every kind of change has a name, and what did not change has none."""

from __future__ import annotations

import msgspec
import pytest

from assay.cli import main
from assay.harness.mapping.arguments import Argument
from assay.harness.mapping.atlas import Atlas, joined
from assay.harness.mapping.changes import changes
from assay.harness.mapping.sheets import Seen, Sheet, Signature, Weight
from assay.harness.record import Target

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


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (NEW_DEFAULT, "default eps changed: 1e-05 → 0.001"),
        (with_sheet(signature=SHEET.signature[:1]), "argument eps is gone: 1e-05"),
        (
            with_sheet(signature=(*SHEET.signature, Signature("bias", default="True"))),
            "argument bias is new: True",
        ),
        (
            with_sheet(weights=(msgspec.structs.replace(SHEET.weights[0], name="gamma"),)),
            "weight weight is gone: (features) float32",
        ),
        (
            with_sheet(weights=(msgspec.structs.replace(SHEET.weights[0], law="0"),)),
            "drawn weight changed: 1 → 0",
        ),
        (
            seen(0, raises="", gives="float32 (3, 17)"),
            "error x: int32 changed: raises RuntimeError → float32 (3, 17)",
        ),
        (seen(1, gives="float32 (3, 17)"), "type x: float16 changed: float16 (3, 17) → float32 (3, 17)"),
        (
            seen(2, gives="float32 (3, 17)"),
            "result eps=-1 changed: float32 (3, 17) NaN → float32 (3, 17)",
        ),
        (seen(3, gives="weight"), "state after a call changed: nothing has changed → weight"),
        (msgspec.structs.replace(ATLAS, sheets=()), "api in torch/cpu is gone: there"),
    ],
)
def test_a_planted_change_is_named(after, told):
    assert f"torch.nn.LayerNorm (layer_norm): {told}" in map(str, changes(ATLAS, after))


def test_what_did_not_change_or_was_not_asked_is_no_change():
    other = msgspec.structs.replace(TARGET, name="jax/cpu", framework="jax")
    assert changes(ATLAS, ATLAS) == []
    assert changes(ATLAS, Atlas((other,), ())) == []
    assert changes(ATLAS, seen(0, raises="RuntimeError: in other words")) == []
    assert len(joined([ATLAS, NEW_DEFAULT]).arguments) == 2


def test_the_command_ends_with_1_where_something_changed(tmp_path, capsys):
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_bytes(msgspec.json.encode(ATLAS))
    after.write_bytes(msgspec.json.encode(NEW_DEFAULT))
    assert main(["atlas", "--from", str(after), "--against", str(before)]) == 1
    assert "default eps changed: 1e-05 → 0.001" in capsys.readouterr().out
    assert main(["atlas", "--from", str(before), "--against", str(before)]) == 0
    assert main(["atlas", "--from", str(before), "--against", str(tmp_path / "none.json")]) == 2
