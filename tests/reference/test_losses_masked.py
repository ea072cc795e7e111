"""Losses whose mask leaves classes out: they are as good as deleted, whatever stands there."""

from __future__ import annotations

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.specs import all_specs

OF_ROWS = {"reduction": "rows"}
MASKED = {
    "softmax_cross_entropy": {},
    "poly_cross_entropy": {},
    "kl_divergence": OF_ROWS,
    "kl_divergence_with_log_targets": OF_ROWS,
    "generalized_kl_divergence": {},
    "cosine_similarity": {},
}
FIRST, SECOND = Stream("first").normal((4, 5)), np.abs(Stream("second").normal((4, 5)))
MASK = np.broadcast_to(np.arange(5) < 3, (4, 5))


def _asked(name):
    spec = all_specs()[name]
    first = SECOND if spec.inputs[0].kind != "data" else FIRST
    second = SECOND if spec.inputs[1].kind != "data" else FIRST[::-1]
    weights = [None] * (len([i for i in spec.inputs if i.kind != "sample_weight"]) - 3)
    cotangent = np.arange(1.0, 5.0) if MASKED[name] else np.array(1.0)
    return spec, first, second, weights, cotangent


def _poisoned(spec, arrays):
    """The arrays, with NaN behind the mask in those whose data sets poison them."""
    kinds = [i.kind for i in spec.inputs[:2]]
    return [np.where(MASK, a, np.nan) if k == "data" else a for a, k in zip(arrays, kinds, strict=True)]


@pytest.mark.parametrize(
    ("name", "loss", "vjp"),
    [
        pytest.param(
            name, spec.reference, spec.vjp, id=name, marks=proves(spec.reference, spec.vjp, by="law")
        )
        for name, spec in ((name, all_specs()[name]) for name in MASKED)
    ],
)
def test_classes_that_a_mask_leaves_out_are_as_good_as_deleted(name, loss, vjp):
    spec, first, second, weights, cotangent = _asked(name)
    whole = [carried(a) for a in _poisoned(spec, [first, second])]
    kept = [carried(a[:, :3]) for a in (first, second)]
    assert_same(loss(*whole, *weights, MASK, **MASKED[name]), spec.reference(*kept, **MASKED[name]))
    found = vjp(*whole, *weights, MASK, cotangent, **MASKED[name])
    expected = spec.vjp(*kept, *weights, None, cotangent, **MASKED[name])
    for of_all, of_kept in zip(found, expected, strict=True):
        assert_same(of_all[:, :3], of_kept)
        assert not of_all.value[:, 3:].any()


@pytest.mark.parametrize("name", MASKED)
@np.errstate(all="ignore")
def test_nan_behind_a_mask_survives_where_gradients_are_multiplied_by_0(name):
    spec, first, second, weights, cotangent = _asked(name)
    whole = _poisoned(spec, [first, second])
    gradients = spec.vjp(*whole, *weights, MASK, cotangent, masking="select_values", **MASKED[name])
    assert any(np.isnan(g[:, 3:]).all() for g in gradients)
    spoilt = {bool(np.isnan(g[:, :3]).any()) for g in gradients}
    assert spoilt == {name == "cosine_similarity"}  # lengths are of the whole vector
