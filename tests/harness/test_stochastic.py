"""What is said of a mask: a sound one passes, and each fault is named."""

from __future__ import annotations

import numpy as np
import pytest

from assay.harness.stochastic import _problems
from assay.numerics.generator import Stream

SHAPE, KEEP = (33, 129), 0.7


def drawn(name, keep=KEEP, shape=SHAPE):
    return Stream(f"mask/{name}").uniform(shape) < keep


@pytest.mark.parametrize("keep", [0.0, 0.0005, 0.3, 0.7, 0.9995, 1.0])
@pytest.mark.parametrize("shape", [SHAPE, (1, 1), (2, 3, 5)])
def test_a_sound_mask_passes(keep, shape):
    assert not list(_problems(drawn("one", keep, shape), drawn("two", keep, shape), keep))


@pytest.mark.parametrize(
    ("fault", "mask", "says"),
    [
        ("another rate", drawn("one", 0.9 * KEEP), "of 4257 elements; 0.7 of them are expected"),
        ("the rate inverted", ~drawn("one"), "of 4257 elements; 0.7 of them are expected"),
        ("rows share their fate", np.broadcast_to(drawn("one")[:, :1], SHAPE), "neighbours along axis 1"),
        ("columns share their fate", np.broadcast_to(drawn("one")[:1], SHAPE), "neighbours along axis 0"),
        ("neighbours take turns", np.indices(SHAPE).sum(0) % 2 == 0, "neighbours along axis 0"),
        ("the seed is ignored", drawn("two"), "is the same for two seeds"),
    ],
)
def test_a_fault_is_named(fault, mask, says):
    assert any(says in problem for problem in _problems(mask, drawn("two"), KEEP))
