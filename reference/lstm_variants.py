"""Relatives of the LSTM: what is normalized, seen, decayed or projected besides, in the notation of `lstm`.

All run forward over ``(batch, time, features)`` and hold the gates in the order i, f, g, o (input, forget,
candidate, output). The whole layer is one step, given with its gradient, taken along time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from .affine import affine
from .chain import add, chained, part
from .checks import Array, require, require_rank, require_shape
from .normalization import layer_norm, layer_norm_vjp
from .recurrent import lstm
from .steps import (
    Carry,
    Drop,
    back_through_time,
    carries_of,
    check_layer,
    logistic_slope,
    outputs_of,
    steps_of,
)

__all__ = [
    "layer_norm_lstm",
    "layer_norm_lstm_vjp",
    "peephole_lstm",
    "peephole_lstm_vjp",
    "projection_lstm",
    "projection_lstm_vjp",
    "residual_lstm",
    "residual_lstm_vjp",
    "time_gated_lstm",
    "time_gated_lstm_vjp",
]

Gates = tuple[Array, Array, Array, Array]
Given = tuple[Array, Array | None]
"""Input of one step, and the factor of its forget gate."""


# --- what all of them share ---


def _gates(z: Array, forget_bias: float = 0.0) -> Gates:
    """Input gate, forget gate, candidate and output gate of their sums side by side."""
    i, f, g, o = np.split(z, 4, axis=-1)
    return expit(i), expit(f + forget_bias), np.tanh(g), expit(o)


# --- normalized by layer ---


def layer_norm_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    scale: Array,
    recurrent_scale: Array | None,
    cell_scale: Array,
    cell_bias: Array,
    *,
    normalized: str = "gates",
    carried: str = "cell",
    forget_bias: float = 0.0,
    epsilon: float = 1e-5,
    drop: Drop | None = None,
) -> Carry:
    """Long short-term memory with layer normalization inside.

    ``c' = f cₜ₋₁ + i g`` and ``hₜ = o tanh(N(c'))`` with ``N(c') = LN(c'; cell_scale, cell_bias)`` and the
    gates of ``lstm``, whose sums are ``z = LN(xₜ W + hₜ₋₁ U; scale, b)`` for each gate by itself, or
    ``z = LN(xₜ W; scale) + LN(hₜ₋₁ U; recurrent_scale) + b``, each over all four gates together

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: U, ``(units, 4 units)``.
        bias: b, ``(4 units,)``.
        scale: ``(4 units,)``.
        recurrent_scale: ``(4 units,)`` where products are normalized, else None.
        cell_scale: ``(units,)``.
        cell_bias: ``(units,)``.
        normalized: ``gates``, the sum of each gate; or ``products``, the input's and the state's.
        carried: ``cell``, where ``cₜ = c'`` goes on to the next step; or ``normalized``, where it is N(c').
        forget_bias: added to the forget gate beside what the bias itself holds there.
        epsilon: added to the variance, inside the root.
        drop: what is left of the candidate of each step, by its number (`layer_norm_lstm_update_dropout`).

    Returns:
        The hidden states ``(batch, time, units)``, and the hidden and the cell state computed last, each
        ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, ``normalized`` or ``carried`` is unknown, or
            ``recurrent_scale`` is missing where products are normalized, or given where gates are.

    Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450, equations 20 to 22, normalize the products and
    carry the cell; ``tf.contrib.rnn.LayerNormBasicLSTMCell`` normalized gates and carried what is normalized.
    """
    require(
        normalized in ("gates", "products"), f"normalized must be 'gates' or 'products'; got {normalized!r}"
    )
    require(carried in ("cell", "normalized"), f"carried must be 'cell' or 'normalized'; got {carried!r}")
    check_layer(x, {"h": h, "c": c}, kernel, recurrent_kernel, bias, "forward", gates=4)
    units = h.shape[-1]
    require_shape("scale", scale, (4 * units,), "4 units")
    of_products = normalized == "products"
    require(
        (recurrent_scale is not None) == of_products,
        "recurrent_scale must be given where products are normalized, and None otherwise",
    )
    if recurrent_scale is not None:
        require_shape("recurrent_scale", recurrent_scale, (4 * units,), "4 units")
    require_shape("cell_scale", cell_scale, (units,), "units")
    require_shape("cell_bias", cell_bias, (units,), "units")
    weights = (kernel, recurrent_kernel, bias, scale, recurrent_scale, cell_scale, cell_bias)
    step = functools.partial(
        _layer_norm_step, weights=weights, carried=carried, forget_bias=forget_bias, epsilon=epsilon
    )
    return outputs_of(carries_of(step, _dropping(x, drop), (h, c)))


def layer_norm_lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    scale: Array,
    recurrent_scale: Array | None,
    cell_scale: Array,
    cell_bias: Array,
    cotangents: Carry,
    *,
    carried: str = "cell",
    forget_bias: float = 0.0,
    epsilon: float = 1e-5,
    drop: Drop | None = None,
) -> tuple[Array | None, ...]:
    """Gradient of `layer_norm_lstm`: that of `lstm` with two or three gradients of `layer_norm` in it.

    With η that of the hidden state and γ that of the carried cell: ``ν = η o (1 - tanh² N)``, to which γ is
    added where N is carried; ``γ' = LN'(ν)``, to which γ is added where the cell is; ``δ`` is then that of
    `lstm` from γ', and flows through the normalization of the sums into ``W``, ``U``, x and h.
    """
    weights = (kernel, recurrent_kernel, bias, scale, recurrent_scale, cell_scale, cell_bias)
    options: dict[str, Any] = {
        "weights": weights,
        "carried": carried,
        "forget_bias": forget_bias,
        "epsilon": epsilon,
    }
    steps = _dropping(x, drop)
    carries = carries_of(functools.partial(_layer_norm_step, **options), steps, (h, c))
    gradient = functools.partial(_layer_norm_gradient, **options)
    by_step, (dh, dc), by_weights = back_through_time(gradient, steps, carries, cotangents)
    given = iter(by_weights)
    return np.stack(by_step, axis=1), dh, dc, *(None if weight is None else next(given) for weight in weights)


Dropping = tuple[Array, Callable[[Array], Array]]
"""Input of one step, and what is left of its candidate."""


def _dropping(x: Array, drop: Drop | None) -> list[Dropping]:
    """The steps of a sequence; without ``drop`` all is left of every candidate."""
    return [
        (step, (lambda g: g) if drop is None else functools.partial(drop, t))
        for t, step in enumerate(steps_of(x))
    ]


def _layer_norm_step(
    given: Dropping,
    carry: Carry,
    weights: tuple[Array, ...],
    carried: str,
    forget_bias: float,
    epsilon: float,
) -> Carry:
    (x, drop), (h, c) = given, carry
    *_, cell_scale, cell_bias = weights
    i, f, g, o = _gates(_normalized_sums(x, h, weights, epsilon), forget_bias)
    cell = f * c + i * drop(g)
    seen = layer_norm(cell, cell_scale, cell_bias, epsilon=epsilon)
    return o * np.tanh(seen), cell if carried == "cell" else seen


def _layer_norm_gradient(
    given: Dropping,
    carry: Carry,
    into: Carry,
    weights: tuple[Array, ...],
    carried: str,
    forget_bias: float,
    epsilon: float,
) -> tuple[Array, Carry, tuple[Array, ...]]:
    (x, drop), (h, c), (of_h, of_c) = given, carry, into
    kernel, recurrent_kernel, _, _, _, cell_scale, cell_bias = weights
    i, f, g, o = _gates(_normalized_sums(x, h, weights, epsilon), forget_bias)
    update = drop(g)
    cell = f * c + i * update
    squashed = np.tanh(layer_norm(cell, cell_scale, cell_bias, epsilon=epsilon))
    of_seen = of_h * o * (1.0 - np.square(squashed))
    of_seen = of_seen + of_c if carried == "normalized" else of_seen
    of_cell, of_cell_scale, of_cell_bias = layer_norm_vjp(
        cell, cell_scale, cell_bias, of_seen, epsilon=epsilon
    )
    of_cell = of_cell + of_c if carried == "cell" else of_cell
    of_sums = np.concatenate(
        (
            of_cell * update * logistic_slope(i),
            of_cell * c * logistic_slope(f),
            drop(of_cell * i) * (1.0 - np.square(g)),
            of_h * squashed * logistic_slope(o),
        ),
        axis=-1,
    )
    by_input, by_state, of_scales = _normalized_sums_vjp(x, h, weights, of_sums, epsilon)
    return (
        np.matmul(by_input, np.transpose(kernel)),
        (np.matmul(by_state, np.transpose(recurrent_kernel)), of_cell * f),
        (
            np.matmul(np.transpose(x), by_input),
            np.matmul(np.transpose(h), by_state),
            np.sum(of_sums, axis=0),
            *of_scales,
            of_cell_scale,
            of_cell_bias,
        ),
    )


def _normalized_sums(x: Array, h: Array, weights: tuple[Array, ...], epsilon: float) -> Array:
    """Sums of the gates: normalized gate by gate, or the two products if there are two scales."""
    kernel, recurrent_kernel, bias, scale, recurrent_scale, *_ = weights
    products = np.matmul(x, kernel), np.matmul(h, recurrent_kernel)
    if recurrent_scale is None:
        return _standardized_by_gate(sum(products), epsilon) * scale + bias
    by_input, by_state = (
        layer_norm(product, factor, epsilon=epsilon)
        for product, factor in zip(products, (scale, recurrent_scale), strict=True)
    )
    return by_input + by_state + bias


def _normalized_sums_vjp(
    x: Array, h: Array, weights: tuple[Array, ...], cotangent: Array, epsilon: float
) -> tuple[Array, Array, tuple[Array, ...]]:
    """Gradients with respect to both products, and to the scales that there are."""
    kernel, recurrent_kernel, _, scale, recurrent_scale, *_ = weights
    products = np.matmul(x, kernel), np.matmul(h, recurrent_kernel)
    if recurrent_scale is None:
        by_gate = _by_gate(sum(products))
        of_scale = np.sum(cotangent * _standardized_by_gate(sum(products), epsilon), axis=0)
        of_sum, _, _ = layer_norm_vjp(by_gate, None, None, _by_gate(cotangent * scale), epsilon=epsilon)
        of_sum = np.reshape(of_sum, cotangent.shape)
        return of_sum, of_sum, (of_scale,)
    by_input, of_scale, _ = layer_norm_vjp(products[0], scale, None, cotangent, epsilon=epsilon)
    by_state, of_recurrent, _ = layer_norm_vjp(products[1], recurrent_scale, None, cotangent, epsilon=epsilon)
    return by_input, by_state, (of_scale, of_recurrent)


def _by_gate(z: Array) -> Array:
    """``(batch, 4 units)`` as ``(batch, 4, units)``."""
    return np.reshape(z, (z.shape[0], 4, z.shape[1] // 4))


def _standardized_by_gate(z: Array, epsilon: float) -> Array:
    return np.reshape(layer_norm(_by_gate(z), epsilon=epsilon), z.shape)


# --- seen by the gates, decayed and projected ---


@dataclass(frozen=True)
class Form:
    """What a cell does beside its weights: see `peephole_lstm`."""

    coupled: bool = False
    cell_clip: float | None = None
    clip_gradient: str = "zero"


PLAIN = Form()


def peephole_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    peepholes: Array,
    *,
    coupled: bool = False,
    cell_clip: float | None = None,
) -> Carry:
    """Long short-term memory whose gates see the cell.

    The gates of ``lstm`` with ``p ⊙ cₜ₋₁`` added to the sums of i and f, and ``p ⊙ cₜ`` to that of o. With
    coupled gates ``i = 1 - f``; with a clip k ``cₜ = min(max(f cₜ₋₁ + i g, -k), k)``

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o; or ``(features, 3 units)``, in the
            order f, g, o, where they are coupled.
        recurrent_kernel: U, ``(units, 4 units)``, or 3.
        bias: b, ``(4 units,)``, or 3.
        peepholes: p, ``(3, units)``: those of i, f and o; or of f and o.
        coupled: the input gate is what the forget gate leaves.
        cell_clip: k, what the cell is held within; None for no clip.

    Returns:
        The hidden states ``(batch, time, units)``, and the hidden and the cell state computed last, each
        ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, or ``cell_clip`` is not above 0.

    Source: Gers and Schmidhuber (2000), Recurrent nets that time and count, IJCNN; Gers, Schraudolph and
    Schmidhuber (2002), Learning precise timing with LSTM recurrent networks, JMLR 3; coupled: Greff et al.
    (2017), LSTM: a search space odyssey, arXiv:1503.04069, CIFG.
    """
    gates = 3 if coupled else 4
    check_layer(x, {"h": h, "c": c}, kernel, recurrent_kernel, bias, "forward", gates=gates)
    require_shape("peepholes", peepholes, (gates - 1, h.shape[-1]), "gates - 1, units")
    require(cell_clip is None or cell_clip > 0, f"cell_clip must be above 0, or None; got {cell_clip}")
    step = functools.partial(
        _step, weights=(kernel, recurrent_kernel, bias, peepholes, None), form=Form(coupled, cell_clip)
    )
    return outputs_of(carries_of(step, _undecayed(x), (h, c)))


def peephole_lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    peepholes: Array,
    cotangents: Carry,
    *,
    coupled: bool = False,
    cell_clip: float | None = None,
    clip_gradient: str = "zero",
) -> Carry:
    """Gradient of `peephole_lstm`: ``δₒ`` flows into ``cₜ``, ``δᵢ`` and ``δ_f`` into ``cₜ₋₁``, times p.

    Through a cell that is held flows nothing, or, with ``clip_gradient="pass"``, what would if it were not.
    """
    weights = (kernel, recurrent_kernel, bias, peepholes, None)
    form = Form(coupled, cell_clip, clip_gradient)
    by_step, carry, by_weights = _back(_undecayed(x), (h, c), weights, cotangents, form)
    return np.stack([of_x for of_x, _ in by_step], axis=1), *carry, *by_weights


def projection_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    projection: Array,
    peepholes: Array | None = None,
    *,
    bidirectional: bool = False,
) -> Carry:
    """Long short-term memory whose hidden state is projected.

    ``hₜ = (o tanh(cₜ)) P``, and the rest as in ``lstm``, or where there are peepholes as in `peephole_lstm`

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, projected)``.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: U, ``(projected, 4 units)``.
        bias: b, ``(4 units,)``.
        projection: P, ``(units, projected)``.
        peepholes: of i, f and o, ``(3, units)``; or None.
        bidirectional: a second layer goes from the last step to the first; all but x then have an axis of two
            in front, for the one and the other.

    Returns:
        The hidden states ``(batch, time, projected)``, the one computed last ``(batch, projected)``, and the
        cell state computed last ``(batch, units)``. Of both
        directions the hidden states stand side by side, at the steps of their inputs.

    Raises:
        ValueError: a shape does not fit, or there is no step.

    Source: Sak, Senior and Beaufays (2014), arXiv:1402.1128, section 2.
    """
    if bidirectional:
        given = _each_way((h, c, kernel, recurrent_kernel, bias, projection, peepholes))
        (forward, *ends), (backward, *others) = (
            projection_lstm(steps, *own) for steps, own in zip((x, x[:, ::-1]), given, strict=True)
        )
        y = np.concatenate([forward, backward[:, ::-1]], axis=-1)
        return y, *(np.stack(pair) for pair in zip(ends, others, strict=True))
    require_rank("projection", projection, 2, "units, projected")
    units, projected = projection.shape
    require_rank("x", x, 3, "batch, time, features")
    require(x.shape[1] > 0, f"x must have at least one time step; got shape {x.shape}")
    require_shape("h", h, (x.shape[0], projected), "batch, projected")
    require_shape("c", c, (x.shape[0], units), "batch, units")
    require_shape("kernel", kernel, (x.shape[2], 4 * units), "features, 4 units")
    require_shape("recurrent_kernel", recurrent_kernel, (projected, 4 * units), "projected, 4 units")
    require_shape("bias", bias, (4 * units,), "4 units")
    if peepholes is not None:
        require_shape("peepholes", peepholes, (3, units), "3, units")
    weights = (kernel, recurrent_kernel, bias, peepholes, projection)
    return outputs_of(carries_of(functools.partial(_step, weights=weights), _undecayed(x), (h, c)))


def projection_lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    projection: Array,
    peepholes: Array | None,
    cotangents: Carry,
    *,
    bidirectional: bool = False,
) -> tuple[Array | None, ...]:
    """Gradient of `projection_lstm`: that of `lstm` from ``η Pᵀ``, and ``(o tanh(cₜ))ᵀ η`` to P."""
    if bidirectional:
        given = _each_way((h, c, kernel, recurrent_kernel, bias, projection, peepholes))
        of_y, *of_ends = cotangents
        into, back = np.split(of_y, 2, axis=-1)
        through = ((into, *(g[0] for g in of_ends)), (back[:, ::-1], *(g[1] for g in of_ends)))
        each: Any = zip((x, x[:, ::-1]), given, through, strict=True)
        found: Any = [projection_lstm_vjp(*(steps, *arrays, last)) for steps, arrays, last in each]
        (of_x, *own), (of_turned, *others) = found
        pairs = zip(own, others, strict=True)
        of_both = (None if one is None else np.stack([one, other]) for one, other in pairs)
        return of_x + of_turned[:, ::-1], *of_both
    weights = (kernel, recurrent_kernel, bias, peepholes, projection)
    by_step, carry, (*by_weights, of_projection) = _back(_undecayed(x), (h, c), weights, cotangents)
    kernels, of_peepholes = by_weights[:3], [None, *by_weights[3:]][-1]
    dx = np.stack([of_x for of_x, _ in by_step], axis=1)
    return dx, *carry, *kernels, of_projection, of_peepholes


def _each_way(arrays: Sequence[Array | None]) -> tuple[list[Any], ...]:
    """What the layer of each direction is given."""
    for array in arrays:
        if array is not None:
            text = f"of both directions arrays must have two parts; got shape {array.shape}"
            require(len(array) == 2, text)
    return tuple([None if array is None else array[n] for array in arrays] for n in range(2))


def time_gated_lstm(
    x: Array,
    elapsed: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    *,
    decay: str = "logarithmic",
) -> Carry:
    """Long short-term memory whose forget gate is scaled by the time that has passed.

    ``cₜ = f d(Δₜ) cₜ₋₁ + i g``, with ``d(Δ) = 1 / ln(e + Δ)`` or ``exp(-Δ)``, and the rest as in ``lstm``

    Args:
        x: ``(batch, time, features)``, at least one step.
        elapsed: Δ, time since the step before, ``(batch, time)``, not negative.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: U, ``(units, 4 units)``.
        bias: b, ``(4 units,)``.
        decay: d, ``logarithmic`` or ``exponential``.

    Returns:
        The hidden states ``(batch, time, units)``, and the hidden and the cell state computed last, each
        ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, or ``decay`` is unknown.

    Source: Baytas et al. (2017), Patient subtyping via time-aware LSTM networks, KDD, section 3.2, for both
    decays; there they discount a learned part of the cell, here all of what the forget gate lets through.
    """
    require(
        decay in ("logarithmic", "exponential"),
        f"decay must be 'logarithmic' or 'exponential'; got {decay!r}",
    )
    check_layer(x, {"h": h, "c": c}, kernel, recurrent_kernel, bias, "forward", gates=4)
    require_shape("elapsed", elapsed, x.shape[:2], "batch, time")
    given = list(zip(steps_of(x), _decays(elapsed, decay), strict=True))
    weights = (kernel, recurrent_kernel, bias, None, None)
    return outputs_of(carries_of(functools.partial(_step, weights=weights), given, (h, c)))


def time_gated_lstm_vjp(
    x: Array,
    elapsed: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    cotangents: Carry,
    *,
    decay: str = "logarithmic",
) -> Carry:
    """Gradient of `time_gated_lstm`: that of `lstm` with ``f d`` for f, and ``Σ γ f cₜ₋₁ d'(Δₜ)`` to Δ.

    ``d' = -d² / (e + Δ)`` for the logarithmic decay, and ``-d`` for the exponential one.
    """
    decays = _decays(elapsed, decay)
    weights = (kernel, recurrent_kernel, bias, None, None)
    given = list(zip(steps_of(x), decays, strict=True))
    by_step, carry, by_weights = _back(given, (h, c), weights, cotangents)
    by_time = [
        np.sum(of_decay, axis=1) * (-d[:, 0] if decay == "exponential" else -np.square(d[:, 0]) / (np.e + at))
        for (_, of_decay), d, at in zip(by_step, decays, steps_of(elapsed), strict=True)
    ]
    return np.stack([of_x for of_x, _ in by_step], axis=1), np.stack(by_time, axis=1), *carry, *by_weights


def _decays(elapsed: Array, decay: str) -> list[Array]:
    """Factors of the forget gate, ``(batch, 1)`` for each step."""
    return [
        (np.exp(-at) if decay == "exponential" else 1.0 / np.log(np.e + at))[:, None]
        for at in steps_of(elapsed)
    ]


def _undecayed(x: Array) -> list[tuple[Array, None]]:
    return [(step, None) for step in steps_of(x)]


def _back(
    given: Sequence[Given], carry: Carry, weights: tuple[Any, ...], cotangents: Carry, form: Form = PLAIN
) -> tuple[list[Any], Carry, tuple[Array, ...]]:
    """Gradients of the cell below: at each step to x and the decay, to the initial carry, to the weights."""
    carries = carries_of(functools.partial(_step, weights=weights, form=form), given, carry)
    back = functools.partial(_step_gradient, weights=weights, form=form)
    return back_through_time(back, given, carries, cotangents)


def _step(given: Given, carry: Carry, weights: tuple[Any, ...], form: Form = PLAIN) -> Carry:
    *_, projection = weights
    *_, o, cell, _ = _seeing_gates(given, carry, weights, form)
    output = o * np.tanh(cell)
    return output if projection is None else np.matmul(output, projection), cell


def _seeing_gates(given: Given, carry: Carry, weights: tuple[Any, ...], form: Form) -> tuple[Array, ...]:
    """i, f, g, o and the new cell, of gates that see the cell where there are peepholes; and it unclipped."""
    (x, decay), (h, c), (kernel, recurrent_kernel, bias, peepholes, _) = given, carry, weights
    sums = affine(x, kernel, bias) + np.matmul(h, recurrent_kernel)
    *own, f, g, o = np.split(sums, 3 if form.coupled else 4, axis=-1)
    if peepholes is not None:
        own, f = [i + peepholes[0] * c for i in own], f + peepholes[-2] * c
    f, g = expit(f), np.tanh(g)
    i = 1.0 - f if form.coupled else expit(own[0])
    free = (f if decay is None else f * decay) * c + i * g
    cell = free if form.cell_clip is None else np.minimum(np.maximum(free, -form.cell_clip), form.cell_clip)
    return i, f, g, expit(o if peepholes is None else o + peepholes[-1] * cell), cell, free


def _step_gradient(
    given: Given, carry: Carry, into: Carry, weights: tuple[Any, ...], form: Form = PLAIN
) -> tuple[tuple[Array, Array], Carry, tuple[Array, ...]]:
    (x, decay), (h, c), (of_h, of_c) = given, carry, into
    kernel, recurrent_kernel, _, peepholes, projection = weights
    i, f, g, o, cell, free = _seeing_gates(given, carry, weights, form)
    squashed = np.tanh(cell)
    of_output = of_h if projection is None else np.matmul(of_h, np.transpose(projection))
    into_o = of_output * squashed * logistic_slope(o)
    of_cell = of_c + of_output * o * (1.0 - np.square(squashed))
    of_cell = of_cell if peepholes is None else of_cell + into_o * peepholes[-1]
    if form.cell_clip is not None and form.clip_gradient == "zero":
        of_cell = np.where(np.abs(free) <= form.cell_clip, of_cell, 0.0)
    of_kept, into_g = of_cell * c, of_cell * i * (1.0 - np.square(g))
    of_f = of_kept if decay is None else of_kept * decay
    own = [] if form.coupled else [of_cell * g * logistic_slope(i)]
    into_f = (of_f - of_cell * g if form.coupled else of_f) * logistic_slope(f)
    before = of_cell * (f if decay is None else f * decay)
    slopes = np.concatenate((*own, into_f, into_g, into_o), axis=-1)
    by_weights = [
        np.matmul(np.transpose(x), slopes),
        np.matmul(np.transpose(h), slopes),
        np.sum(slopes, axis=0),
    ]
    if peepholes is not None:
        seen = (*((into_i, c) for into_i in own), (into_f, c), (into_o, cell))
        for n, (slope, _) in enumerate(seen[:-1]):
            before = before + slope * peepholes[n]
        by_weights.append(np.stack([np.sum(slope * state, axis=0) for slope, state in seen]))
    if projection is not None:
        by_weights.append(np.matmul(np.transpose(o * squashed), of_h))
    of_x, of_state = (np.matmul(slopes, np.transpose(k)) for k in (kernel, recurrent_kernel))
    return (of_x, of_kept * f), (of_state, before), tuple(by_weights)


# --- with a residual connection ---


def residual_lstm(
    x: Array, h: Array, c: Array, kernel: Array, recurrent_kernel: Array, bias: Array | None = None
) -> tuple[Array, Array, Array]:
    """`lstm` whose inputs are added to its outputs.

    ``yₜ = xₜ + hₜ``; the carry is that of the LSTM, to which nothing is added

    Args:
        x: ``(batch, time, units)``, as many features as units.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: ``(units, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: ``(units, 4 units)``.
        bias: ``(4 units,)``, or None for no bias.

    Returns:
        ``y`` in the shape of ``x``, and the final hidden and cell state, each ``(batch, units)``.

    Raises:
        ValueError: there are not as many features as units, or a shape does not fit.

    Source: Wu et al. (2016), Google's neural machine translation system, arXiv:1609.08144, section 3.1.
    """
    fits = x.ndim == 3 and x.shape[-1:] == h.shape[-1:]
    require(fits, f"x must have as many features as h has units {h.shape[-1:]}; got shape {x.shape}")
    sequence, final_h, final_c = part(lstm, x, h, c, kernel, recurrent_kernel, bias)
    return part(add, x, sequence), final_h, final_c


residual_lstm_vjp = chained(residual_lstm)
