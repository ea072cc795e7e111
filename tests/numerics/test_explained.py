"""What carried error is for: it explains what correct code computes, and does not explain faults.

Correct code is NumPy's own float32 and float64, and simulated arithmetic, which rounds as a profile says and
sums in an order drawn at random.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from assay.numerics.carried import Carried, carry, finish
from assay.numerics.data import DATA_SETS, draw_weight
from assay.numerics.dtypes import DTYPES, round_to, widen
from assay.numerics.generator import Stream
from assay.numerics.profiles import Profile, profiles
from assay.numerics.simulated import Arithmetic, to_precision
from assay.numerics.simulated import simulate as simulated
from assay.numerics.tolerance import tolerance

Layer = Callable[..., Any]

# --- layers, in the primitives that references use ---


def softmax(x):
    exponentials = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return exponentials / np.sum(exponentials, axis=-1, keepdims=True)


def log_softmax(x):
    shifted = x - np.max(x, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def layer_norm(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(np.square(centred), axis=-1, keepdims=True) + 1e-5)


def gelu(x):
    return 0.5 * x * special.erfc(-x * math.sqrt(0.5))


def silu(x):
    return x / (1.0 + np.exp(-x))


def softplus(x):
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def total_of_softmax(x):
    return np.sum(softmax(x), axis=-1)


def norm(x):
    return x / np.sqrt(np.sum(x * x, axis=-1, keepdims=True) + 1e-3)


def leaky_relu(x):
    return np.where(x > 0, x, 0.01 * x)


ELEMENTWISE = [gelu, silu, softplus, leaky_relu, np.tanh, special.expit]
ALONG_ROWS = [softmax, log_softmax, layer_norm, total_of_softmax, norm]


def recurrence(x, w, u):
    state = x[:, 0] @ w
    for t in range(1, x.shape[1]):
        state = np.tanh(x[:, t] @ w + state @ u)
    return state


# --- what the judge asks ---


def expected(layer: Layer, profile: Profile, *inputs: Any) -> Carried:
    return finish(layer(*(carry(x, profile) for x in inputs)))


def explained(got: Any, carried: Carried, independent: bool = True) -> bool:
    """Whether the tolerance covers every difference; where a value is not finite the kind must agree."""
    actual, value = widen(np.asarray(got)), carried.value
    allowed = tolerance(carried, independent)
    with np.errstate(invalid="ignore"):
        near = np.abs(actual - value) <= allowed
    same = (actual == value) | (np.isnan(actual) & np.isnan(value))
    return bool((near | same | np.isinf(allowed)).all())


def simulate(layer: Layer, profile: Profile, *inputs: Any) -> Any:
    bits = -int(math.log2(profile.u_in)) if profile.u_in else 0
    arithmetic = Arithmetic(profile.working, profile.accumulator, "random", bits_in=bits)
    orders = Stream("orders of summation")
    return round_to(layer(*(simulated(x, arithmetic, orders) for x in inputs)).value, profile.dtype)


LAYERS = pytest.mark.parametrize("layer", ELEMENTWISE + ALONG_ROWS, ids=lambda layer: layer.__name__)
SETS = pytest.mark.parametrize("data", DATA_SETS.values(), ids=DATA_SETS)


def shapes(layer: Layer) -> list[tuple[int, ...]]:
    return [(5, 1), (5, 17)] if layer in ALONG_ROWS else [(65,)]


@SETS
@LAYERS
def test_float32_of_numpy_is_explained(layer, data):
    for shape in shapes(layer):
        x = data.draw(Stream("explained"), shape, DTYPES["float32"])
        with np.errstate(all="ignore"):
            got = layer(x)
        assert got.dtype == np.float32
        assert explained(got, expected(layer, profiles("float32")[0], x), data.independent), shape


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@SETS
@LAYERS
def test_a_simulation_of_each_profile_is_explained_by_it(layer, data, name):
    for profile in profiles(name):
        for shape in shapes(layer):
            x = data.draw(Stream("explained"), shape, DTYPES[name])
            got = simulate(layer, profile, x)
            assert explained(got, expected(layer, profile, x), data.independent), (profile.name, shape)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("terms", [1, 2, 16, 127, 1000])
def test_a_contraction_is_explained_in_any_order(name, terms):
    format = DTYPES[name]
    x = DATA_SETS["normal"].draw(Stream("x"), (4, terms), format)
    w = draw_weight(Stream("w"), (terms, 6), format)
    for profile in profiles(name):
        assert explained(simulate(np.matmul, profile, x, w), expected(np.matmul, profile, x, w))


@pytest.mark.parametrize("name", DTYPES)
def test_a_recurrence_is_explained(name):
    format = DTYPES[name]
    x = DATA_SETS["normal"].draw(Stream("x"), (3, 5, 4), format)
    w, u = (draw_weight(Stream(key), (k, 6), format) for key, k in (("w", 4), ("u", 6)))
    for profile in profiles(name):
        assert explained(simulate(recurrence, profile, x, w, u), expected(recurrence, profile, x, w, u))


@pytest.mark.parametrize("terms", [100, 10_000])
def test_a_sum_of_one_sign_is_explained_one_term_after_the_other(terms):
    x = round_to(Stream("positive").uniform((20, terms)), DTYPES["float32"])
    one_by_one = np.cumsum(x, axis=-1, dtype=np.float32)[:, -1]
    assert explained(one_by_one, expected(lambda t: np.sum(t, axis=-1), profiles("float32")[0], x))


@pytest.mark.parametrize("excess", [0.3, 0.7, 2.4])
def test_terms_that_round_alike_are_explained_one_term_after_the_other(excess):
    x = np.full((1, 1000), round_to(np.array(excess * 2**-23), DTYPES["float32"]))
    x[:, 0] = 1
    one_by_one = np.cumsum(x, axis=-1, dtype=np.float32)[:, -1]
    assert explained(one_by_one, expected(lambda t: np.sum(t, axis=-1), profiles("float32")[0], x))


def test_float64_is_judged_against_a_reference_that_rounds_too():
    x = Stream("float64").normal((50, 33))
    one_by_one = np.cumsum(x, axis=-1)[:, -1]
    carried = expected(lambda t: np.sum(t, axis=-1), profiles("float64")[0], x)
    assert (one_by_one != carried.value).any()
    assert explained(one_by_one, carried)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_division_may_be_multiplication_by_the_reciprocal(name):
    format, profile = DTYPES[name], profiles(name)[1]
    x = DATA_SETS["normal"].draw(Stream("x"), (1000,), format)
    reciprocal = widen(round_to(1 / 3, format))
    assert explained(round_to(widen(x) * reciprocal, format), expected(lambda t: t / 3, profile, x), False)


# --- the bound holds in exact arithmetic ---

BINARY = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
NUMBERS = st.floats(-8, 8, width=32).filter(lambda x: x == 0 or abs(x) > 2**-20)
EXPRESSIONS = st.recursive(
    NUMBERS, lambda inner: st.tuples(st.sampled_from(sorted(BINARY)), inner, inner), max_leaves=12
)


def evaluate(expression: Any, leaf: Callable[[float], Any], operations: dict[str, Callable[..., Any]]) -> Any:
    if isinstance(expression, float):
        return leaf(expression)
    name, left, right = expression
    return operations[name](evaluate(left, leaf, operations), evaluate(right, leaf, operations))


def fractions() -> dict[str, Callable[[Fraction, Fraction], Fraction]]:
    return {
        "+": lambda x, y: x + y,
        "-": lambda x, y: x - y,
        "*": lambda x, y: x * y,
        "/": lambda x, y: x / y,
    }


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS)
def test_float32_stays_within_the_bound_of_any_expression(expression):
    profile = profiles("float32")[0]
    carried = evaluate(expression, lambda x: carry(np.array([x]), profile), BINARY)
    with np.errstate(all="ignore"):
        got = float(evaluate(expression, np.float32, BINARY))
    if np.isinf(carried.bound[0]) or not np.isfinite(carried.value[0]):
        return
    assert abs(Fraction(got) - Fraction(carried.value[0])) <= Fraction(carried.bound[0])
    # The reference's own rounding is part of the bound, so the exact value cannot be far either.
    try:
        exact = evaluate(expression, Fraction, fractions())
    except ZeroDivisionError:
        return
    assert abs(Fraction(got) - exact) <= 2 * Fraction(carried.bound[0])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40), st.randoms())
def test_a_float32_sum_in_any_order_stays_within_the_bound(terms, random):
    carried = np.sum(carry(np.array(terms), profiles("float32")[0]))
    random.shuffle(terms)
    total = np.float32(0)
    for term in terms:
        total += np.float32(term)
    exact = sum(map(Fraction, terms))
    assert abs(Fraction(float(total)) - exact) <= Fraction(float(carried.bound))


# --- faults are not explained ---


def one_pass(x):
    mean = np.mean(x, axis=-1, keepdims=True)
    variance = np.mean(np.square(x), axis=-1, keepdims=True) - np.square(mean)
    return (x - mean) / np.sqrt(np.maximum(variance, np.float32(0)) + np.float32(1e-5))


def without_epsilon(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(np.square(centred), axis=-1, keepdims=True))


def epsilon_outside(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / (np.sqrt(np.mean(np.square(centred), axis=-1, keepdims=True)) + np.float32(1e-5))


def unbiased(x):
    n = x.shape[-1]
    centred = x - np.mean(x, axis=-1, keepdims=True)
    variance = np.sum(np.square(centred), axis=-1, keepdims=True) / np.float32(n - 1)
    return centred / np.sqrt(variance + np.float32(1e-5))


def gelu_of_tanh(x):
    inner = np.float32(np.sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
    return np.float32(0.5) * x * (1 + np.tanh(inner))


def gelu_of_erf(x):
    """Right in exact arithmetic, but the tail cancels."""
    return np.float32(0.5) * x * (1 + special.erf(x * np.float32(np.sqrt(0.5))))


def softmax_in_half(x):
    return softmax(x.astype(np.float16)).astype(np.float32)


def softplus_without_log1p(x):
    return np.log(1 + np.exp(x))


FAULTS = [
    (layer_norm, one_pass, "offset", 33),
    (layer_norm, without_epsilon, "tiny", 33),
    (layer_norm, epsilon_outside, "tiny", 33),
    (layer_norm, unbiased, "normal", 1024),
    (gelu, gelu_of_tanh, "normal", 33),
    (gelu, gelu_of_erf, "tails", 33),
    (softmax, softmax_in_half, "normal", 33),
    (softmax, lambda x: softmax(x) * np.float32(1.001), "normal", 1000),
    (softmax, lambda x: np.roll(softmax(x), 1, axis=-1), "normal", 33),
    (softplus, softplus_without_log1p, "tails", 33),
    (log_softmax, lambda x: np.log(softmax(x)), "saturated", 33),
]


@pytest.mark.parametrize(("layer", "fault", "data", "length"), FAULTS)
def test_a_fault_is_not_explained(layer, fault, data, length):
    x = DATA_SETS[data].draw(Stream("fault"), (16, length), DTYPES["float32"])
    carried = expected(layer, profiles("float32")[0], x)
    with np.errstate(all="ignore"):
        assert explained(layer(x), carried)
        assert not explained(fault(x), carried)


@pytest.mark.parametrize("terms", [16, 256, 4096])
class TestContraction:
    """Faults of a matrix product, against a tolerance that is as tight as its order of summation allows."""

    @pytest.fixture
    def factors(self, terms):
        return [
            round_to(Stream(key).normal(s), DTYPES["float32"])
            for key, s in (("a", (16, terms)), ("b", (terms, 16)))
        ]

    def test_tf32_inputs_are_found_and_named(self, factors):
        got = np.matmul(*(to_precision(x, np.float32(2.0**-11)).astype(np.float32) for x in factors))
        explaining = [p.name for p in profiles("float32") if explained(got, expected(np.matmul, p, *factors))]
        assert explaining == ["tf32", "bfloat16-inputs"]

    def test_a_dropped_last_term_is_found(self, factors):
        a, b = factors
        for profile in profiles("float32"):
            assert not explained(a[:, :-1] @ b[:-1], expected(np.matmul, profile, a, b))

    def test_a_float16_accumulator_is_found(self, factors):
        a, b = factors
        total = np.zeros((16, 16), np.float16)
        for k in range(a.shape[1]):
            total = (total + a[:, k : k + 1] * b[k]).astype(np.float16)
        assert not explained(total, expected(np.matmul, profiles("float32")[0], a, b))


def test_a_relative_error_of_a_millionth_is_found_in_a_short_product():
    a, b = (
        round_to(Stream(key).normal(s), DTYPES["float32"]) for key, s in (("a", (32, 16)), ("b", (16, 32)))
    )
    assert not explained((a @ b) * np.float32(1 + 1e-6), expected(np.matmul, profiles("float32")[0], a, b))


def test_float32_inside_float64_is_found():
    x = Stream("float64").normal((8, 16))
    carried = expected(softmax, profiles("float64")[0], x)
    assert explained(softmax(x), carried)
    assert not explained(softmax(x.astype(np.float32)).astype(np.float64), carried)


def test_the_two_half_profiles_are_told_apart():
    format = DTYPES["bfloat16"]
    x = DATA_SETS["normal"].draw(Stream("half"), (50, 33), format)
    fused, op_by_op, _ = (expected(softmax, p, x) for p in profiles("bfloat16"))
    at_once = round_to(softmax(widen(x).astype(np.float32)).astype(np.float64), format)
    step_by_step = simulate(softmax, profiles("bfloat16")[1], x)
    assert explained(at_once, fused)
    assert not explained(step_by_step, fused)
    assert explained(step_by_step, op_by_op)
