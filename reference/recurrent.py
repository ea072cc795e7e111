"""Recurrent layers: one cell applied along time, with the carry that it hands from step to step.

Each layer takes a whole sequence and the initial carry, and returns the sequence of hidden states followed by
the final carry. Its vector-Jacobian product is backpropagation through time, written as a scan in reverse.
Kernels and biases hold the gates side by side, in the order that each layer states.
"""

from __future__ import annotations

import numpy as np

from .affine import affine
from .checks import Array, require, require_shape
from .steps import (
    activation_of,
    bias_gradient,
    check_layer,
    gate_of,
    in_order,
    input_gradient,
    kernel_gradient,
    sequence_of,
    slope_of,
    steps_of,
)

__all__ = ["gru", "gru_vjp", "lstm", "lstm_vjp", "simple_rnn", "simple_rnn_vjp"]


def simple_rnn(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    *,
    activation: str = "tanh",
    direction: str = "forward",
) -> tuple[Array, Array]:
    """Fully connected recurrent layer (Elman network).

    ``hₜ = φ(xₜ W + hₜ₋₁ U + b)``

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        kernel: W, ``(features, units)``.
        recurrent_kernel: U, ``(units, units)``.
        bias: b, ``(units,)``, or None for no bias.
        activation: φ, ``tanh``, ``relu`` or ``sigmoid``.
        direction: ``forward``; ``backward``, from the last step to the first; or ``backward_reversed``, the
            same with the hidden states returned in the order in which they were computed.

    Returns:
        The hidden states ``(batch, time, units)``, and the one computed last ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, or an option is unknown.

    Source: Elman (1990), Finding structure in time, Cognitive Science 14(2).
    """
    check_layer(x, {"h": h}, kernel, recurrent_kernel, bias, direction, gates=1)
    x = in_order(x, direction != "forward")
    states = _simple_rnn_states(x, h, kernel, recurrent_kernel, bias, activation)
    return sequence_of(states[1:], direction == "backward"), states[-1]


def simple_rnn_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    cotangents: tuple[Array, Array],
    *,
    activation: str = "tanh",
    direction: str = "forward",
    nan_gradient: str = "zero",
) -> tuple[Array, Array, Array, Array, Array | None]:
    """Gradient of `simple_rnn`: ``δₜ = φ' (gₜ + δₜ₊₁ Uᵀ)``, with φ' by the state itself, as ``1 - h²``.

    At the kink of relu the subgradient is 0, and so it is where h is NaN, or 1 with ``nan_gradient="pass"``.
    """
    x, sequence = in_order(x, direction != "forward"), in_order(cotangents[0], direction == "backward")
    states = _simple_rnn_states(x, h, kernel, recurrent_kernel, bias, activation)
    carry, slopes = cotangents[1], []
    for t in reversed(range(x.shape[1])):
        carry, after = carry + sequence[:, t], states[t + 1]
        active = after > 0 if nan_gradient == "zero" else ~(after <= 0)
        slopes.append(
            np.where(active, carry, 0.0) if activation == "relu" else carry * slope_of(activation, after)
        )
        carry = np.matmul(slopes[-1], np.transpose(recurrent_kernel))
    slopes = slopes[::-1]
    return (
        input_gradient(slopes, kernel, direction),
        carry,
        kernel_gradient(steps_of(x), slopes),
        kernel_gradient(states, slopes),
        None if bias is None else bias_gradient(slopes),
    )


def _simple_rnn_states(
    x: Array, h: Array, kernel: Array, recurrent_kernel: Array, bias: Array | None, activation: str
) -> list[Array]:
    """The initial hidden state, and the one after each step."""
    states, squash = [h], activation_of(activation)
    for step in steps_of(x):
        z = affine(step, kernel, bias) + np.matmul(states[-1], recurrent_kernel)
        states.append(squash(z))
    return states


def lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    *,
    forget_bias: float = 0.0,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    direction: str = "forward",
) -> tuple[Array, Array, Array]:
    """Long short-term memory.

    ``i, f, g, o = σ(zᵢ), σ(z_f + forget_bias), φ(z_g), σ(zₒ)`` with ``z = xₜ W + hₜ₋₁ U + b``,
    ``cₜ = f cₜ₋₁ + i g`` and ``hₜ = o φ(cₜ)``

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o (input, forget, candidate, output).
        recurrent_kernel: U, ``(units, 4 units)``.
        bias: b, ``(4 units,)``, or None for no bias.
        forget_bias: added to the forget gate beside what the bias itself holds there.
        activation: φ, ``tanh``, ``relu`` or ``sigmoid``.
        recurrent_activation: σ, ``sigmoid``; or ``hard_sigmoid``, ``min(max(z / 6 + 1/2, 0), 1)``.
        direction: ``forward``; ``backward``, from the last step to the first; or ``backward_reversed``, the
            same with the hidden states returned in the order in which they were computed.

    Returns:
        The hidden states ``(batch, time, units)``, and the hidden and the cell state computed last, each
        ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, or an activation or ``direction`` is unknown.

    Source: Gers, Schmidhuber and Cummins (2000), Learning to forget, Neural Computation 12(10); in this
    notation Zaremba, Sutskever and Vinyals (2014), arXiv:1409.2329, section 3.1.
    """
    check_layer(x, {"h": h, "c": c}, kernel, recurrent_kernel, bias, direction, gates=4)
    x = in_order(x, direction != "forward")
    states, cells, _ = _lstm_states(
        x, h, c, kernel, recurrent_kernel, bias, forget_bias, activation, recurrent_activation
    )
    return sequence_of(states[1:], direction == "backward"), states[-1], cells[-1]


def lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    cotangents: tuple[Array, Array, Array],
    *,
    forget_bias: float = 0.0,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    direction: str = "forward",
) -> tuple[Array, Array, Array, Array, Array, Array | None]:
    """Gradient of `lstm`, with γ that of the cell and η that of the hidden state.

    ``γ += η o φ'(cₜ)``, then ``δ = (γ g σ'ᵢ, γ cₜ₋₁ σ'_f, γ i φ'(z_g), η φ(cₜ) σ'ₒ)``, and back one step
    ``γ ← γ f``, ``η ← δ Uᵀ``. The slopes of relu and of the hard sigmoid at their kinks are 0.
    """
    x, sequence = in_order(x, direction != "forward"), in_order(cotangents[0], direction == "backward")
    states, cells, gates = _lstm_states(
        x, h, c, kernel, recurrent_kernel, bias, forget_bias, activation, recurrent_activation
    )
    (_, carry, cell), slopes = cotangents, []
    for t in reversed(range(x.shape[1])):
        i, f, g, o = gates[t]
        squashed = activation_of(activation)(cells[t + 1])
        carry = carry + sequence[:, t]
        cell = cell + carry * o * slope_of(activation, squashed)
        by_gate = (
            cell * g * slope_of(recurrent_activation, i),
            cell * cells[t] * slope_of(recurrent_activation, f),
            cell * i * slope_of(activation, g),
            carry * squashed * slope_of(recurrent_activation, o),
        )
        slopes.append(np.concatenate(by_gate, axis=-1))
        carry, cell = np.matmul(slopes[-1], np.transpose(recurrent_kernel)), cell * f
    slopes = slopes[::-1]
    return (
        input_gradient(slopes, kernel, direction),
        carry,
        cell,
        kernel_gradient(steps_of(x), slopes),
        kernel_gradient(states, slopes),
        None if bias is None else bias_gradient(slopes),
    )


def _lstm_states(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    forget_bias: float,
    activation: str,
    recurrent_activation: str,
) -> tuple[list[Array], list[Array], list[tuple[Array, Array, Array, Array]]]:
    """Hidden and cell states, the initial ones first, and the gates of each step."""
    squash, gate = activation_of(activation), gate_of(recurrent_activation)
    states, cells, gates = [h], [c], []
    for step in steps_of(x):
        z = affine(step, kernel, bias) + np.matmul(states[-1], recurrent_kernel)
        i, f, g, o = np.split(z, 4, axis=-1)
        i, f, g, o = gate(i), gate(f + forget_bias), squash(g), gate(o)
        gates.append((i, f, g, o))
        cells.append(f * cells[-1] + i * g)
        states.append(o * squash(cells[-1]))
    return states, cells, gates


def gru(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    recurrent_bias: Array | None = None,
    *,
    reset_after: bool = True,
    update: str = "keep",
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    direction: str = "forward",
) -> tuple[Array, Array]:
    """Gated recurrent unit.

    ``r = σ(xₜ Wᵣ + hₜ₋₁ Uᵣ + bᵣ)``, ``z = σ(xₜ W_z + hₜ₋₁ U_z + b_z)``,
    ``n = φ(xₜ Wₙ + bₙ + r (hₜ₋₁ Uₙ + b'))``, or with the reset before the product
    ``n = φ(xₜ Wₙ + bₙ + (r hₜ₋₁) Uₙ)``, and ``hₜ = z hₜ₋₁ + (1 - z) n``

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        kernel: W, ``(features, 3 units)``, its gates in the order r, z, n (reset, update, candidate).
        recurrent_kernel: U, ``(units, 3 units)``.
        bias: b, ``(3 units,)``, or None for no bias.
        recurrent_bias: b', ``(units,)``, inside the reset; or None. Those of the two gates would add
            nothing to ``bias``, so there are none.
        reset_after: apply the reset gate after the recurrent product.
        update: ``keep``, where the update gate weighs the old state, or ``replace``, where it weighs the
            candidate: ``hₜ = (1 - z) hₜ₋₁ + z n``.
        activation: φ, ``tanh``, ``relu`` or ``sigmoid``.
        recurrent_activation: σ, ``sigmoid`` or ``hard_sigmoid``.
        direction: ``forward``; ``backward``, from the last step to the first; or ``backward_reversed``, the
            same with the hidden states returned in the order in which they were computed.

    Returns:
        The hidden states ``(batch, time, units)``, and the one computed last ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, an option is unknown, or a ``recurrent_bias`` is
            given where the reset comes before the product.

    Source: Cho et al. (2014), arXiv:1406.1078, whose version 1 resets after the product and version 3
    before it; ``replace`` is the convention of Chung et al. (2014), arXiv:1412.3555, section 3.2.
    """
    require(update in ("keep", "replace"), f"update must be 'keep' or 'replace'; got {update!r}")
    check_layer(x, {"h": h}, kernel, recurrent_kernel, bias, direction, gates=3)
    if recurrent_bias is not None:
        require(reset_after, "recurrent_bias must be None unless reset_after is True")
        require_shape("recurrent_bias", recurrent_bias, (h.shape[-1],), "units")
    x = in_order(x, direction != "forward")
    form = reset_after, update, activation, recurrent_activation
    states, _ = _gru_states(x, h, kernel, recurrent_kernel, bias, recurrent_bias, *form)
    return sequence_of(states[1:], direction == "backward"), states[-1]


def gru_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    recurrent_bias: Array | None,
    cotangents: tuple[Array, Array],
    *,
    reset_after: bool = True,
    update: str = "keep",
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    direction: str = "forward",
) -> tuple[Array, Array, Array, Array, Array | None, Array | None]:
    """Gradient of `gru`, with η that of the hidden state and ``σ' = σ (1 - σ)``.

    ``δₙ = η (1 - z) φ'ₙ``, where ``φ' = 1 - n²`` for tanh, and ``δ_z = η (hₜ₋₁ - n) σ'_z``. With the reset
    after the product ``p = hₜ₋₁ Uₙ + b'``, ``δᵣ = δₙ p σ'ᵣ`` and what flows into the product is ``r δₙ``;
    with the reset before it ``δᵣ = (δₙ Uₙᵀ) hₜ₋₁ σ'ᵣ``. Slopes at kinks are 0.
    """
    x, sequence = in_order(x, direction != "forward"), in_order(cotangents[0], direction == "backward")
    form = reset_after, update, activation, recurrent_activation
    states, gates = _gru_states(x, h, kernel, recurrent_kernel, bias, recurrent_bias, *form)
    of_gates, of_candidate = _gru_kernels(recurrent_kernel)
    sign = 1.0 if update == "keep" else -1.0
    carry, slopes, products = cotangents[1], [], []
    for t in reversed(range(x.shape[1])):
        r, z, n, product = gates[t]
        before, carry = states[t], carry + sequence[:, t]
        kept, renewed = (z, 1.0 - z) if update == "keep" else (1.0 - z, z)
        candidate = carry * renewed * slope_of(activation, n)
        products.append(candidate * r if reset_after else candidate)
        into_reset = np.matmul(products[-1], np.transpose(of_candidate))
        reset = candidate * product if reset_after else into_reset * before
        blend = sign * carry * (before - n) * slope_of(recurrent_activation, z)
        slopes.append(np.concatenate((reset * slope_of(recurrent_activation, r), blend, candidate), axis=-1))
        through_gates = np.matmul(_gru_gates(slopes[-1]), np.transpose(of_gates))
        carry = carry * kept + through_gates + (into_reset if reset_after else into_reset * r)
    slopes, products = slopes[::-1], products[::-1]
    by_gates = [_gru_gates(slope) for slope in slopes]
    multiplied = states if reset_after else [s * r for s, (r, *_) in zip(states, gates, strict=False)]
    return (
        input_gradient(slopes, kernel, direction),
        carry,
        kernel_gradient(steps_of(x), slopes),
        np.concatenate((kernel_gradient(states, by_gates), kernel_gradient(multiplied, products)), axis=-1),
        None if bias is None else bias_gradient(slopes),
        None if recurrent_bias is None else bias_gradient(products),
    )


def _gru_states(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None,
    recurrent_bias: Array | None,
    reset_after: bool,
    update: str,
    activation: str,
    recurrent_activation: str,
) -> tuple[list[Array], list[tuple[Array, Array, Array, Array]]]:
    """Hidden states, the initial one first, and of each step r, z, n and the product in the candidate."""
    squash, gate = activation_of(activation), gate_of(recurrent_activation)
    of_gates, of_candidate = _gru_kernels(recurrent_kernel)
    states, gates = [h], []
    for step in steps_of(x):
        before = states[-1]
        to_reset, to_update, to_candidate = np.split(affine(step, kernel, bias), 3, axis=-1)
        by_reset, by_update = np.split(np.matmul(before, of_gates), 2, axis=-1)
        r, z = gate(to_reset + by_reset), gate(to_update + by_update)
        product = affine(before if reset_after else r * before, of_candidate, recurrent_bias)
        n = squash(to_candidate + (r * product if reset_after else product))
        gates.append((r, z, n, product))
        states.append(z * before + (1.0 - z) * n if update == "keep" else (1.0 - z) * before + z * n)
    return states, gates


def _gru_kernels(recurrent_kernel: Array) -> tuple[Array, Array]:
    """The recurrent kernel of the two gates, and that of the candidate."""
    return _gru_gates(recurrent_kernel), recurrent_kernel[:, 2 * recurrent_kernel.shape[0] :]


def _gru_gates(z: Array) -> Array:
    """The part of the two gates, of three along the last axis."""
    return z[:, : z.shape[-1] // 3 * 2]
