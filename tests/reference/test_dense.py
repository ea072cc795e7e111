"""Dense layers: worked figures, exact fractions, laws and bad input."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from support.proof import assert_same, carried, proves

from assay.numerics.generator import Stream
from assay.reference.dense import (
    bilinear,
    bilinear_vjp,
    dense,
    dense_vjp,
    einsum_dense,
    einsum_dense_vjp,
    lora_dense,
    lora_dense_vjp,
    masked_dense,
    masked_dense_vjp,
)


def normal(name, *shape):
    return Stream(f"dense/{name}").normal(shape)


@proves(dense, dense_vjp, by="worked figures")
def test_dense_of_worked_figures():
    x, kernel = np.array([[1.0, 2.0]]), np.array([[1.0, 10.0, 0.0], [3.0, 0.0, -1.0]])
    bias = np.array([0.5, 1.0, 2.0])
    assert_same(dense(x, kernel, bias), [[7.5, 11.0, 0.0]])
    dx, dkernel, dbias = dense_vjp(x, kernel, bias, np.array([[1.0, 2.0, 4.0]]))
    assert_same(dx, [[21.0, -1.0]])
    assert_same(dkernel, [[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]])
    assert_same(dbias, [1.0, 2.0, 4.0])


@proves(dense, dense_vjp, by="naive loop")
def test_dense_is_the_naive_loop_in_fractions():
    arrays = {"x": normal("x", 4, 33), "kernel": normal("kernel", 33, 5), "bias": normal("bias", 5)}
    x, kernel, bias = ([[Fraction(v) for v in row] for row in np.atleast_2d(a)] for a in arrays.values())
    y = [
        [sum(a * w[f] for a, w in zip(row, kernel, strict=True)) + bias[0][f] for f in range(5)] for row in x
    ]
    cotangent = normal("cotangent", 4, 5)
    g = [[Fraction(v) for v in row] for row in cotangent]
    dx = [[sum(a * b for a, b in zip(row, weights, strict=True)) for weights in kernel] for row in g]
    dkernel = [[sum(x[b][c] * g[b][f] for b in range(4)) for f in range(5)] for c in range(33)]
    dbias = [sum(row[f] for row in g) for f in range(5)]
    given = carried(arrays).values()
    assert_same(dense(*given), y)
    assert_same(dense_vjp(*given, carried(cotangent)), (dx, dkernel, dbias))


@proves(dense, by="law")
def test_two_dense_layers_are_one_with_the_product_of_their_kernels():
    x, first, second = map(carried, (normal("x", 4, 6), normal("kernel", 6, 5), normal("second", 5, 3)))
    assert_same(dense(dense(x, first), second), dense(x, dense(first, second)))


@proves(dense_vjp, by="law")
def test_exchanging_input_and_kernel_exchanges_their_gradients():
    x, kernel, g = normal("x", 4, 6), normal("kernel", 6, 5), normal("g", 4, 5)
    dx, dkernel, _ = dense_vjp(*map(carried, (x, kernel)), None, carried(g))
    of_kernel, of_x, _ = dense_vjp(*map(carried, (kernel.T, x.T)), None, carried(g.T))
    assert_same((dx, dkernel), (of_x.T, of_kernel.T))


@proves(masked_dense, masked_dense_vjp, by="worked figures")
def test_a_pruned_layer_of_worked_figures():
    x, kernel = np.array([[1.0, 2.0]]), np.array([[1.0, 10.0], [3.0, 5.0]])
    mask = np.array([[True, False], [True, False]])
    assert_same(masked_dense(x, kernel, mask, np.array([0.5, 0.25])), [[7.5, 0.25]])
    dx, dkernel, _ = masked_dense_vjp(x, kernel, mask, None, np.array([[1.0, 4.0]]))
    assert_same(dx, [[1.0, 3.0]])
    assert_same(dkernel, [[1.0, 0.0], [2.0, 0.0]])


@proves(masked_dense, masked_dense_vjp, dense, dense_vjp, by="law")
def test_masking_a_neuron_is_removing_it_from_both_kernels():
    x, first, second = normal("x", 4, 6), normal("first", 6, 5), normal("second", 5, 3)
    kept = np.array([True, False, True, True, False])
    columns, rows = np.broadcast_to(kept, (6, 5)), np.broadcast_to(kept[:, np.newaxis], (5, 3))
    hidden = masked_dense(carried(x), carried(first), columns)
    y = masked_dense(hidden, carried(second), rows)
    small = dense(carried(x), carried(first[:, kept]))
    assert_same(y, dense(small, carried(second[kept])))
    g = carried(normal("g", 4, 3))
    dhidden, dsecond, _ = masked_dense_vjp(hidden, carried(second), rows, None, g)
    dx, dfirst, _ = masked_dense_vjp(carried(x), carried(first), columns, None, dhidden)
    dsmall, dsecond_small, _ = dense_vjp(small, carried(second[kept]), None, g)
    dx_small, dfirst_small, _ = dense_vjp(carried(x), carried(first[:, kept]), None, dsmall)
    assert_same((dx, dfirst[:, kept], dsecond[kept]), (dx_small, dfirst_small, dsecond_small))
    assert_same((dfirst[:, ~kept], dsecond[~kept]), (np.zeros((6, 2)), np.zeros((2, 3))))


def test_a_product_with_the_mask_spreads_nan_and_a_selection_does_not():
    x, kernel, mask = np.array([[np.nan, 1.0]]), np.ones((2, 1)), np.array([[False], [True]])
    product = masked_dense_vjp(x, kernel, mask, None, np.ones((1, 1)))[1]
    selected = masked_dense_vjp(x, kernel, mask, None, np.ones((1, 1)), masking="selected")[1]
    assert_same((product, selected), (np.array([[np.nan], [1.0]]), np.array([[0.0], [1.0]])))


@proves(bilinear, bilinear_vjp, by="naive loop")
def test_bilinear_is_the_naive_loop_in_fractions():
    arrays = normal("left", 2, 3), normal("right", 2, 4), normal("kernel", 5, 3, 4), normal("bias", 5)
    g = normal("g", 2, 5)
    a, b, w, c, f = (np.vectorize(Fraction, otypes=[object])(array) for array in (*arrays, g))
    y = (a[:, None, :, None] * w * b[:, None, None, :]).sum(axis=(2, 3)) + c
    assert_same(bilinear(*map(carried, arrays)), y)
    wanted = (
        (f[:, :, None, None] * w * b[:, None, None, :]).sum(axis=(1, 3)),
        (f[:, :, None, None] * w * a[:, None, :, None]).sum(axis=(1, 2)),
        (f[:, :, None, None] * a[:, None, :, None] * b[:, None, None, :]).sum(axis=0),
        f.sum(axis=0),
    )
    assert_same(bilinear_vjp(*map(carried, arrays), carried(g)), wanted)


@proves(bilinear, dense, by="law")
def test_bilinear_beside_a_fixed_input_is_a_dense_layer():
    left, right, kernel = normal("left", 1, 3), normal("right", 1, 4), normal("kernel", 5, 3, 4)
    matrix = np.matmul(carried(kernel), right[0])
    assert_same(bilinear(*map(carried, (left, right, kernel))), dense(carried(left), matrix.T))


@pytest.mark.parametrize(
    ("function", "arrays", "message"),
    [
        (masked_dense, ((2, 3), (3, 5), (5, 3)), r"mask must have shape \(3, 5\)"),
        (bilinear, ((2, 4), (2, 4), (5, 3, 4)), "left must end in 3 features"),
        (bilinear, ((2, 3), (1, 4), (5, 3, 4)), r"right must have shape \(2, 4\)"),
        (bilinear, ((2, 3), (2, 4), (5, 3, 4), (3,)), r"bias must have shape \(5,\)"),
    ],
)
def test_pruned_and_bilinear_layers_refuse_what_does_not_fit(function, arrays, message):
    with pytest.raises(ValueError, match=message):
        function(*map(np.ones, arrays))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.ones((2, 3)), np.ones((4, 5))), r"x must end in 4 features as the kernel has; got \(2, 3\)"),
        ((np.ones((2, 4)), np.ones((4, 5)), np.ones(4)), r"bias must have shape \(5,\) = \(units\)"),
    ],
)
def test_what_does_not_fit_is_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        dense(*arrays)


def operands(contracts):
    """x, a kernel and a bias of a contraction."""
    kernel = (3, 4, 5) if contracts == "last" else (2, 3, 5)
    bias = {"last": (4, 5), "two": (5,), "each": (2, 5)}[contracts]
    shapes = {"x": (2, 2, 3), "kernel": kernel, "bias": bias}
    return [carried(normal(f"{contracts}/{name}", *shape)) for name, shape in shapes.items()]


@proves(einsum_dense, einsum_dense_vjp, dense, dense_vjp, by="law")
@pytest.mark.parametrize("contracts", ["last", "two"])
def test_a_contraction_is_a_dense_layer_of_what_is_laid_flat(contracts):
    x, kernel, bias = operands(contracts)
    y = einsum_dense(x, kernel, bias, contracts=contracts)
    rows, flat = (
        (x, kernel.reshape(3, -1)) if contracts == "last" else (x.reshape(2, -1), kernel.reshape(-1, 5))
    )
    assert_same(y.reshape(*rows.shape[:-1], -1), dense(rows, flat, bias.reshape(-1)))
    g = carried(normal("g", *y.shape))
    found = einsum_dense_vjp(x, kernel, bias, g, contracts=contracts)
    expected = dense_vjp(rows, flat, bias.reshape(-1), g.reshape(*rows.shape[:-1], -1))
    for got, wanted in zip(found, expected, strict=True):
        assert_same(got.reshape(-1), wanted.reshape(-1))


@proves(einsum_dense, einsum_dense_vjp, dense, dense_vjp, by="law")
def test_each_step_has_its_own_dense_layer():
    x, kernel, bias = operands("each")
    y = einsum_dense(x, kernel, bias, contracts="each")
    g = carried(normal("g", *y.shape))
    dx, dkernel, dbias = einsum_dense_vjp(x, kernel, bias, g, contracts="each")
    for t in range(2):
        assert_same(y[:, t], dense(x[:, t], kernel[t], bias[t]))
        of_x, of_kernel, of_bias = dense_vjp(x[:, t], kernel[t], bias[t], g[:, t])
        assert_same((dx[:, t], dkernel[t], dbias[t]), (of_x, of_kernel, of_bias))


@proves(einsum_dense, einsum_dense_vjp, by="worked figures")
def test_two_axes_are_contracted_with_ones():
    x, kernel = np.array([[[1.0, 2], [3, 4]]]), np.ones((2, 2, 1))
    assert_same(einsum_dense(x, kernel, np.array([5.0]), contracts="two"), [[15]])
    assert_same(einsum_dense(x, kernel, contracts="each"), [[[3], [7]]])
    assert_same(einsum_dense(x, np.ones((2, 1, 2))), [[[[3, 3]], [[7, 7]]]])
    dx, dkernel, dbias = einsum_dense_vjp(x, kernel, np.array([5.0]), np.array([[2.0]]), contracts="two")
    assert_same((dx, dkernel, dbias), (2 * np.ones((1, 2, 2)), 2 * x[0][..., None], np.array([2.0])))


@proves(lora_dense, lora_dense_vjp, dense, dense_vjp, by="law")
@pytest.mark.parametrize("alpha", [None, 3.0])
def test_a_correction_of_low_rank_is_one_of_the_kernel(alpha):
    x, down, up, kernel, bias, g = (
        carried(normal(name, *shape))
        for name, shape in {
            "x": (4, 3),
            "a": (3, 2),
            "b": (2, 5),
            "w": (3, 5),
            "β": (5,),
            "g": (4, 5),
        }.items()
    )
    scale = 1.0 if alpha is None else alpha / 2
    whole = kernel + (down @ up) * scale
    assert_same(lora_dense(x, down, up, kernel, bias, alpha=alpha), dense(x, whole, bias))
    assert_same(lora_dense(x, down, up, alpha=alpha), dense(x, (down @ up) * scale))
    of_x, of_whole, of_bias = dense_vjp(x, whole, bias, g)
    found = lora_dense_vjp(x, down, up, kernel, bias, g, alpha=alpha)
    assert_same(found, (of_x, of_whole @ up.T * scale, down.T @ of_whole * scale, of_whole, of_bias))


@proves(lora_dense, lora_dense_vjp, by="worked figures")
def test_a_correction_of_rank_one():
    x, down, up = np.array([[1.0, 2]]), np.array([[3.0], [1]]), np.array([[2.0, 4]])
    assert_same(lora_dense(x, down, up), [[10, 20]])
    assert_same(lora_dense(x, down, up, np.eye(2), np.ones(2), alpha=2.0), [[22, 43]])
    of_x, of_down, of_up, none, nothing = lora_dense_vjp(x, down, up, None, None, np.array([[1.0, 1]]))
    assert_same(
        (of_x, of_down, of_up), (np.array([[18.0, 6]]), np.array([[6.0], [12]]), np.array([[5.0, 5]]))
    )
    assert none is nothing is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: einsum_dense(np.ones((2, 3, 4)), np.ones((5, 1, 2))), r"x must end in \(5,\)"),
        (
            lambda: einsum_dense(np.ones((2, 3, 4)), np.ones((2, 4, 1)), contracts="two"),
            r"x must end in \(2, 4\)",
        ),
        (lambda: einsum_dense(np.ones((3, 4)), np.ones((4, 1, 2))), "must have three axes"),
        (lambda: einsum_dense(np.ones((2, 3, 4)), np.ones((4, 1, 2)), np.ones(2)), "bias must have shape"),
        (
            lambda: einsum_dense(np.ones((2, 3, 4)), np.ones((4, 1, 2)), contracts="first"),
            "must be one of last, two",
        ),
        (lambda: lora_dense(np.ones((2, 3)), np.ones((4, 1)), np.ones((1, 2))), "x must end in 4 features"),
    ],
)
def test_contractions_refuse_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
