"""Normalization beside residuals, gates and rotations: figures, 40 digits, laws of the parts, bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.special import expit
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.normalization import layer_norm, rms_norm, rms_norm_vjp
from assay.reference.normalization_fused import (
    fused_add_layer_norm,
    fused_add_layer_norm_vjp,
    fused_add_rms_norm,
    fused_add_rms_norm_vjp,
    gated_rms_norm,
    gated_rms_norm_vjp,
    offset_rms_norm,
    offset_rms_norm_vjp,
    qk_norm_rope,
    qk_norm_rope_vjp,
)
from assay.reference.rotary import rotary_embedding


def normal(name, *shape):
    return Stream(f"normalization_fused/{name}").normal(shape)


X, RESIDUAL, GATE, SCALE, BIAS = (
    normal("x", 3, 6),
    normal("residual", 3, 6),
    normal("gate", 3, 6),
    normal("scale", 6),
    normal("bias", 6),
)
HEADS, POSITIONS = normal("heads", 1, 4, 2, 6), np.array([[0, 3, 1, 9]])
MASK = np.array([[True, False, True, True, False, True]] * 3)


def root(row, epsilon):
    """The root of the mean square in 40 digits."""
    return mpmath.sqrt(mpmath.fsum(mpmath.mpf(v) ** 2 for v in row) / len(row) + mpmath.mpf(epsilon))


# --- figures ---


@proves(offset_rms_norm, fused_add_rms_norm, by="worked figures")
def test_three_and_four_have_a_root_mean_square_of_five_over_the_root_of_two():
    x, scale = np.array([[3.0, 4.0]]), np.array([0.0, 1.0])
    y = offset_rms_norm(carried(x), scale, epsilon=0.0)
    assert_same(y[0], ["0.848528137", "2.262741700"])
    y, total = fused_add_rms_norm(carried(x) - 1.0, np.ones((1, 2)), scale, offset=1.0, epsilon=0.0)
    assert_same(y[0], ["0.848528137", "2.262741700"])
    assert_same(total, x)


@proves(fused_add_layer_norm, by="worked figures")
def test_dropout_then_a_sum_of_one_and_three_is_standardized_to_one():
    x, residual, mask = np.array([[3.0, 8.0]]), np.array([[-5.0, 3.0]]), np.array([[True, False]])
    y, total = fused_add_layer_norm(
        carried(x), residual, np.ones(2), np.zeros(2), mask, rate=0.5, epsilon=0.0
    )
    assert_same(total, np.array([[1.0, 3.0]]))
    assert_same(y, np.array([[-1.0, 1.0]]))


@proves(gated_rms_norm, by="worked figures")
def test_a_gate_of_zero_halves_by_the_logistic_and_lets_nothing_through_silu():
    x, gate, scale = np.array([[3.0, 4.0]]), np.zeros((1, 2)), np.ones(2)
    options = {"activation": "sigmoid", "epsilon": 0.0}
    assert_same(
        gated_rms_norm(carried(x), gate, scale, order="norm_first", **options)[0],
        ["0.424264069", "0.565685425"],
    )
    assert_same(gated_rms_norm(carried(x), gate, scale, **options)[0], ["0.848528137", "1.131370850"])
    assert_same(gated_rms_norm(carried(x), gate, scale), np.zeros((1, 2)))


@proves(offset_rms_norm, fused_add_rms_norm, by="high precision")
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_a_sum_is_normalized_in_40_digits(offset):
    y, total = fused_add_rms_norm(carried(X), carried(RESIDUAL), SCALE, offset=offset, epsilon=1e-3)
    alone = offset_rms_norm(carried(X), SCALE, offset=offset, epsilon=1e-3)
    with mpmath.workdps(40):
        sums = [
            [mpmath.mpf(a) + mpmath.mpf(b) for a, b in zip(*rows, strict=True)]
            for rows in zip(X, RESIDUAL, strict=True)
        ]
        for got, rows in ((y, sums), (alone, [[mpmath.mpf(v) for v in row] for row in X])):
            exact = [
                [
                    (mpmath.mpf(offset) + mpmath.mpf(w)) * v / root(row, 1e-3)
                    for v, w in zip(row, SCALE, strict=True)
                ]
                for row in rows
            ]
            assert_same(got, np.array(exact, dtype=object))
    assert_same(total, np.array(sums, dtype=object))


@proves(gated_rms_norm, by="high precision")
@pytest.mark.parametrize("order", ["gate_first", "norm_first"])
def test_groups_beside_a_gate_agree_in_40_digits(order):
    y = gated_rms_norm(carried(X), carried(GATE), SCALE, order=order, groups=2)
    with mpmath.workdps(40):
        open_ = [[mpmath.mpf(z) / (1 + mpmath.exp(-mpmath.mpf(z))) for z in row] for row in GATE]
        exact = np.empty(X.shape, dtype=object)
        for r, row in enumerate(X):
            inner = [
                mpmath.mpf(v) * (o if order == "gate_first" else 1)
                for v, o in zip(row, open_[r], strict=True)
            ]
            for i in range(6):
                group = inner[i // 3 * 3 : i // 3 * 3 + 3]
                after = 1 if order == "gate_first" else open_[r][i]
                exact[r, i] = mpmath.mpf(SCALE[i]) * inner[i] / root(group, 1e-5) * after
    assert_same(y, exact)


@proves(qk_norm_rope, by="high precision")
@pytest.mark.parametrize("scope", ["head", "all_heads"])
@pytest.mark.parametrize("order", ["norm_first", "rotation_first"])
def test_a_normalized_pair_is_turned_in_40_digits(order, scope):
    x, scale = HEADS[..., :2], (SCALE[:2] if scope == "head" else np.stack([SCALE[:2], BIAS[:2]]))
    y = qk_norm_rope(carried(x), scale, POSITIONS, order=order, scope=scope)
    for step in range(4):
        with mpmath.workdps(40):
            wide = np.vectorize(mpmath.mpf)(x[0, step])
            weights = np.broadcast_to(np.vectorize(mpmath.mpf)(scale), (2, 2))
            angle = mpmath.mpf(int(POSITIONS[0, step]))
            turn = np.array([[mpmath.cos(angle), mpmath.sin(angle)], [-mpmath.sin(angle), mpmath.cos(angle)]])
            turned = wide if order == "norm_first" else wide @ turn
            rows = turned if scope == "head" else [turned.ravel()] * 2
            roots = np.array([[root(row, 1e-6)] for row in rows])
            normed = turned / roots * weights
            exact = normed @ turn if order == "norm_first" else normed
        assert_same(y[0, step], exact)


# --- laws ---


@proves(offset_rms_norm, offset_rms_norm_vjp, by="law")
def test_an_offset_is_a_greater_scale():
    g = normal("g", 3, 6)
    assert_same(
        offset_rms_norm(carried(X), carried(SCALE)), rms_norm(carried(X), carried(SCALE) + 1.0, epsilon=1e-6)
    )
    got = offset_rms_norm_vjp(carried(X), carried(SCALE), carried(g))
    assert_same(got, rms_norm_vjp(carried(X), carried(SCALE) + 1.0, carried(g), epsilon=1e-6))


@proves(fused_add_rms_norm, fused_add_rms_norm_vjp, by="law")
def test_the_residual_may_change_places_with_x():
    g = carried(normal("g", 3, 6)), carried(normal("h", 3, 6))
    one, other = carried(X), carried(RESIDUAL)
    assert_same(
        fused_add_rms_norm(one, other, carried(SCALE)), fused_add_rms_norm(other, one, carried(SCALE))
    )
    of_x, of_residual, of_scale = fused_add_rms_norm_vjp(one, other, carried(SCALE), g)
    assert_same((of_residual, of_x, of_scale), fused_add_rms_norm_vjp(other, one, carried(SCALE), g))


@proves(fused_add_rms_norm_vjp, fused_add_layer_norm_vjp, by="law")
@pytest.mark.parametrize("lost", [0, 1])
def test_gradients_are_those_of_the_norm_and_of_the_sum_added_up(lost):
    """Of the cotangents one is 0, so that the other reaches all alone."""
    g = [carried(normal("g", 3, 6)), carried(normal("h", 3, 6))]
    g[lost] = carried(np.zeros((3, 6)))
    of_rms = fused_add_rms_norm_vjp(carried(X), carried(RESIDUAL), carried(SCALE), tuple(g))
    of_layer = fused_add_layer_norm_vjp(
        carried(X), carried(RESIDUAL), carried(SCALE), carried(BIAS), MASK, tuple(g)
    )
    if lost == 0:
        assert_same(of_rms[:2], (g[1], g[1]))
        assert_same(of_rms[2], np.zeros(6))
        assert_same(of_layer[:2], (np.where(MASK, g[1] / 0.75, 0.0), g[1]))
        assert_same(of_layer[3], np.zeros(6))
    else:
        total = carried(X) + carried(RESIDUAL)
        through, of_scale = rms_norm_vjp(total, carried(SCALE), g[0], epsilon=1e-6)
        assert_same(of_rms, (through, through, of_scale))
        assert_same(np.sum(of_layer[1], axis=-1), np.zeros(3), size=1)


@proves(fused_add_layer_norm, by="law")
def test_what_is_dropped_and_added_is_layer_norm_of_it():
    y, total = fused_add_layer_norm(carried(X), carried(RESIDUAL), carried(SCALE), carried(BIAS), MASK)
    assert_same(total, np.where(MASK, carried(X) / 0.75, 0.0) + carried(RESIDUAL))
    assert_same(y, layer_norm(total, carried(SCALE), carried(BIAS)))
    y, total = fused_add_layer_norm(carried(X), carried(RESIDUAL), carried(SCALE), carried(BIAS))
    assert_same(y, layer_norm(carried(X) + carried(RESIDUAL), carried(SCALE), carried(BIAS)))


@proves(gated_rms_norm, gated_rms_norm_vjp, by="law")
@pytest.mark.parametrize("order", ["gate_first", "norm_first"])
def test_a_constant_gate_is_a_factor(order):
    gate, g = np.full((3, 6), 0.5), normal("g", 3, 6)
    options = {"order": order, "activation": "sigmoid", "epsilon": 0.0}
    y = gated_rms_norm(carried(X), carried(gate), carried(SCALE), **options)
    factor = 1.0 if order == "gate_first" else expit(carried(gate))
    assert_same(y, rms_norm(carried(X), carried(SCALE), epsilon=0.0) * factor)
    of_x, *_ = gated_rms_norm_vjp(carried(X), carried(gate), carried(SCALE), carried(g), **options)
    through, _ = rms_norm_vjp(carried(X), carried(SCALE), carried(g) * factor, epsilon=0.0)
    assert_same(of_x, through)


@proves(qk_norm_rope, qk_norm_rope_vjp, by="law")
@pytest.mark.parametrize("scope", ["head", "all_heads"])
def test_with_one_scale_for_all_the_order_does_not_matter(scope):
    scale = np.full((6,) if scope == "head" else (2, 6), 1.5)
    g = normal("of heads", *HEADS.shape)
    orders = [{"order": order, "scope": scope} for order in ("norm_first", "rotation_first")]
    assert_same(*(qk_norm_rope(carried(HEADS), scale, POSITIONS, **order) for order in orders))
    one, other = (qk_norm_rope_vjp(carried(HEADS), scale, POSITIONS, carried(g), **order) for order in orders)
    assert_same(one[0], other[0])


@proves(qk_norm_rope, by="law")
def test_heads_are_normalized_and_turned_one_after_the_other():
    y = qk_norm_rope(carried(HEADS), SCALE, POSITIONS, pairing="interleaved")
    normed = rms_norm(carried(HEADS), SCALE, epsilon=1e-6)
    assert_same(y, rotary_embedding(normed, POSITIONS, pairing="interleaved"))


# --- bad input ---


@pytest.mark.parametrize(
    ("function", "given", "complaint"),
    [
        (offset_rms_norm, (X, SCALE[:5]), r"scale must have shape \(6,\)"),
        (fused_add_rms_norm, (X, RESIDUAL[:2], SCALE), r"residual must have shape \(3, 6\)"),
        (fused_add_rms_norm, (X, RESIDUAL, SCALE[:5]), r"scale must have shape \(6,\)"),
        (fused_add_layer_norm, (X, RESIDUAL[:, :1], SCALE, BIAS), r"residual must have shape \(3, 6\)"),
        (fused_add_layer_norm, (X, RESIDUAL, SCALE, BIAS, MASK[:1]), r"mask must have shape \(3, 6\)"),
        (gated_rms_norm, (X, GATE[:1], SCALE), r"gate must have shape \(3, 6\)"),
        (gated_rms_norm, (X, GATE, SCALE[:1]), r"scale must have shape \(6,\)"),
        (qk_norm_rope, (HEADS, SCALE[:5], POSITIONS), r"scale must have shape \(6,\)"),
        (qk_norm_rope, (HEADS, SCALE, POSITIONS[:, :3]), r"positions must have shape \(1, 4\)"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(function, given, complaint):
    with pytest.raises(ValueError, match=complaint):
        function(*given)


@pytest.mark.parametrize(
    ("function", "given", "options", "complaint"),
    [
        (fused_add_layer_norm, (X, RESIDUAL, SCALE, BIAS, MASK), {"rate": 1.0}, r"rate must be in \[0, 1\)"),
        (fused_add_layer_norm, (X, RESIDUAL, SCALE, BIAS, MASK), {"rate": -0.5}, r"rate must be in \[0, 1\)"),
        (gated_rms_norm, (X, GATE, SCALE), {"order": "none"}, "order must be gate_first or norm_first"),
        (
            gated_rms_norm,
            (X, GATE, SCALE),
            {"activation": "tanh"},
            "activation must be one of silu, sigmoid, identity",
        ),
        (gated_rms_norm, (X, GATE, SCALE), {"groups": 4}, "groups must divide the 6 features; got 4"),
        (gated_rms_norm, (X, GATE, SCALE), {"groups": 0}, "groups must divide the 6 features; got 0"),
        (qk_norm_rope, (HEADS, SCALE, POSITIONS), {"scope": "x"}, "scope must be head or all_heads"),
        (
            qk_norm_rope,
            (HEADS, SCALE, POSITIONS),
            {"order": "x"},
            "order must be norm_first or rotation_first",
        ),
        (qk_norm_rope, (HEADS, SCALE, POSITIONS), {"scope": "all_heads"}, r"scale must have shape \(2, 6\)"),
    ],
)
def test_options_that_mean_nothing_are_refused(function, given, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        function(*given, **options)
