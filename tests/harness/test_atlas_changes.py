"""Two atlases against each other: every kind of change has a name, and what did not change has none."""

from __future__ import annotations

import msgspec
import pytest
from support.atlases import ATLAS, PLANTED, TARGET, seen

from assay.cli import main
from assay.harness.mapping.atlas import Atlas, joined
from assay.harness.mapping.changes import changes

NEW_DEFAULT = PLANTED["default changed: eps 1e-05 → 0.001"]


@pytest.mark.parametrize("told", sorted(PLANTED))
def test_a_planted_change_is_named(told):
    assert f"torch.nn.LayerNorm (layer_norm): {told}" in map(str, changes(ATLAS, PLANTED[told]))


def test_what_did_not_change_or_was_not_asked_is_no_change():
    other = msgspec.structs.replace(TARGET, name="jax/cpu", framework="jax")
    assert changes(ATLAS, ATLAS) == []
    assert changes(ATLAS, Atlas((other,), ())) == []
    assert changes(ATLAS, seen(0, raises="RuntimeError: in other words")) == []


def test_of_what_two_have_measured_the_later_says_how_it_is():
    other = msgspec.structs.replace(NEW_DEFAULT.arguments[0], api="torch.nn.Other")
    more = msgspec.structs.replace(NEW_DEFAULT, arguments=(*NEW_DEFAULT.arguments, other))
    assert joined([ATLAS, more]) == more
    assert joined([more, ATLAS]).arguments == (other, *ATLAS.arguments)


def test_the_command_ends_with_1_where_something_changed(tmp_path, capsys):
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_bytes(msgspec.json.encode(ATLAS))
    after.write_bytes(msgspec.json.encode(NEW_DEFAULT))
    assert main(["atlas", "--from", str(after), "--against", str(before)]) == 1
    assert "default changed: eps 1e-05 → 0.001" in capsys.readouterr().out
    assert main(["atlas", "--from", str(before), "--against", str(before)]) == 0
    assert main(["atlas", "--from", str(before), "--against", str(tmp_path / "none.json")]) == 2
