"""Recurrent layers of other cells: the minimal gated unit, and the LSTM whose products are convolutions."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .affine import affine
from .attending import check_choice
from .chain import add, chained, part, unstack
from .checks import Array, require, require_shape
from .convolution import conv
from .steps import (
    Carry,
    activation_of,
    back_through_time,
    carries_of,
    check_layer,
    gate_of,
    outputs_of,
    slope_of,
    steps_of,
)

__all__ = ["conv_lstm", "conv_lstm_vjp", "minimal_gated_unit", "minimal_gated_unit_vjp"]

RESETS = ("after", "before", "none")
UPDATES = ("keep", "replace")
MASKED = ("zero", "repeat", "state")

# --- minimal gated unit ---


def minimal_gated_unit(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None = None,
    *,
    reset: str = "after",
    update: str = "keep",
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
) -> tuple[Array, Array]:
    """Minimal gated unit: a gated recurrent unit whose gates are one.

    ``f = σ(xₜ W_f + hₜ₋₁ U_f + b_f)``, ``n = φ(xₜ Wₙ + bₙ + f (hₜ₋₁ Uₙ + b'))``, with the reset before the
    product ``n = φ(xₜ Wₙ + bₙ + (f hₜ₋₁) Uₙ)``, or without one ``n = φ(xₜ Wₙ + bₙ + hₜ₋₁ Uₙ)``; and
    ``hₜ = f hₜ₋₁ + (1 - f) n``

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        kernel: W, ``(features, 2 units)``, in the order f, n.
        recurrent_kernel: U, ``(units, 2 units)``.
        bias: b, ``(2 units,)``.
        recurrent_bias: b', ``(units,)``, or None; it is inside the reset.
        reset: ``after`` the recurrent product of the candidate, ``before`` it, or ``none``.
        update: ``keep``, where the gate weighs the old state; or ``replace``, where it weighs the candidate:
            ``hₜ = (1 - f) hₜ₋₁ + f n``.
        activation: φ, ``tanh``, ``relu`` or ``sigmoid``.
        recurrent_activation: σ, ``sigmoid`` or ``hard_sigmoid``.

    Returns:
        The hidden states ``(batch, time, units)``, and the one computed last ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, a word is unknown, or a ``recurrent_bias`` is
            given where there is no reset after the product.

    Source: Zhou, Wu, Zhang and Zhou (2016), Minimal gated unit for recurrent neural networks,
    arXiv:1603.09420, section 3, with the reset before and ``replace``.
    """
    check_choice("reset", reset, RESETS)
    check_choice("update", update, UPDATES)
    check_layer(x, {"h": h}, kernel, recurrent_kernel, bias, "forward", gates=2)
    if recurrent_bias is not None:
        require(reset == "after", "recurrent_bias must be None unless the reset comes after the product")
        require_shape("recurrent_bias", recurrent_bias, (h.shape[-1],), "units")
    weights = kernel, recurrent_kernel, bias, recurrent_bias
    form = _form(weights, reset, update, activation, recurrent_activation)
    step = functools.partial(_step, **form)
    sequence, last = outputs_of(carries_of(step, steps_of(x), (h,)))
    return sequence, last


def minimal_gated_unit_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None,
    cotangents: tuple[Array, Array],
    *,
    reset: str = "after",
    update: str = "keep",
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
) -> tuple[Array | None, ...]:
    """Gradient of `minimal_gated_unit`: what flows into f, from the blend and from the reset, times f'."""
    weights = kernel, recurrent_kernel, bias, recurrent_bias
    form = _form(weights, reset, update, activation, recurrent_activation)
    carries = carries_of(functools.partial(_step, **form), steps_of(x), (h,))
    back = functools.partial(_step_gradient, **form)
    by_step, (into_h,), by_weights = back_through_time(back, steps_of(x), carries, cotangents)
    of_kernel, of_recurrent, of_bias, of_product = by_weights
    return (
        np.stack(by_step, axis=1),
        into_h,
        of_kernel,
        of_recurrent,
        of_bias,
        None if recurrent_bias is None else of_product,
    )


def _form(
    weights: tuple[Any, ...], reset: str, update: str, activation: str, recurrent_activation: str
) -> dict[str, Any]:
    """What a step and its gradient are given beside the step and the carry."""
    functions = activation, recurrent_activation
    return {"weights": weights, "reset": reset, "update": update, "functions": functions}


def _step(
    x: Array, carry: Carry, *, weights: tuple[Any, ...], reset: str, update: str, functions: tuple[str, str]
) -> Carry:
    (h,) = carry
    f, n, _ = _gates(x, h, weights, reset, functions)
    return (f * h + (1.0 - f) * n if update == "keep" else (1.0 - f) * h + f * n,)


def _gates(
    x: Array, h: Array, weights: tuple[Any, ...], reset: str, functions: tuple[str, str]
) -> tuple[Array, Array, Array]:
    """f, n and the recurrent product of the candidate."""
    squash, gate = activation_of(functions[0]), gate_of(functions[1])
    kernel, recurrent_kernel, bias, recurrent_bias = weights
    to_gate, to_candidate = np.split(affine(x, kernel, bias), 2, axis=-1)
    of_gate, of_candidate = np.split(recurrent_kernel, 2, axis=-1)
    f = gate(to_gate + np.matmul(h, of_gate))
    product = affine(f * h if reset == "before" else h, of_candidate, recurrent_bias)
    return f, squash(to_candidate + (f * product if reset == "after" else product)), product


def _step_gradient(
    x: Array,
    carry: Carry,
    into: Carry,
    *,
    weights: tuple[Any, ...],
    reset: str,
    update: str,
    functions: tuple[str, str],
) -> tuple[Array, Carry, tuple[Array, ...]]:
    (h,), (of_h,) = carry, into
    kernel, recurrent_kernel, _, _ = weights
    of_gate, of_candidate = np.split(recurrent_kernel, 2, axis=-1)
    f, n, product = _gates(x, h, weights, reset, functions)
    kept, renewed, sign = (f, 1.0 - f, 1.0) if update == "keep" else (1.0 - f, f, -1.0)
    into_n = of_h * renewed * slope_of(functions[0], n)
    into_product = into_n * f if reset == "after" else into_n
    through = np.matmul(into_product, np.transpose(of_candidate))
    into_f = sign * of_h * (h - n)
    if reset != "none":
        into_f = into_f + (into_n * product if reset == "after" else through * h)
    into_f = into_f * slope_of(functions[1], f)
    slopes = np.concatenate((into_f, into_n), axis=-1)
    before = of_h * kept + np.matmul(into_f, np.transpose(of_gate))
    by_recurrent = (
        np.matmul(np.transpose(h), into_f),
        np.matmul(np.transpose(f * h if reset == "before" else h), into_product),
    )
    return (
        np.matmul(slopes, np.transpose(kernel)),
        (before + (through * f if reset == "before" else through),),
        (
            np.matmul(np.transpose(x), slopes),
            np.concatenate(by_recurrent, axis=-1),
            np.sum(slopes, axis=0),
            np.sum(into_product, axis=0),
        ),
    )


# --- convolutional LSTM ---


def conv_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    *,
    padding: str = "same",
    strides: int = 1,
    dilation: int = 1,
    forget_bias: float = 0.0,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    direction: str = "forward",
    return_sequences: bool = True,
    masked_output: str = "zero",
) -> tuple[Array, Array, Array]:
    """Long short-term memory whose products are convolutions.

    ``i, f, g, o`` are the quarters of ``xₜ * W + hₜ₋₁ * U + b``, ``cₜ = σ(f + φ) cₜ₋₁ + σ(i) α(g)`` and
    ``hₜ = σ(o) α(cₜ)``

    Args:
        x: ``(batch, time, …, channels)``, at least one step, with any number of spatial axes.
        h: initial hidden state, ``(batch, …, filters)``, as long along each spatial axis as what the
            convolution of a step gives.
        c: initial cell state, of the same shape.
        kernel: W, ``(*window, channels, 4 filters)``, gates in the order i, f, g, o.
        recurrent_kernel: U, ``(*window, filters, 4 filters)``; its convolution pads as ``same``.
        bias: b, ``(4 filters,)``, or None for no bias.
        mask: whether a step counts, ``(batch, time)``, or None where all do; the states pass by the others.
        padding: of the convolution of x, ``same`` or ``valid``.
        strides: of the convolution of x along each spatial axis; that of the state goes place by place.
        dilation: of the convolution of x along each spatial axis; that of the state is not dilated.
        forget_bias: φ.
        activation: α, ``tanh``, ``relu`` or ``sigmoid``.
        recurrent_activation: σ, ``sigmoid`` or ``hard_sigmoid``.
        direction: ``forward``; or ``backward_reversed``, from the last step to the first, with the hidden
            states in the order in which they were computed.
        return_sequences: return all hidden states; or that computed last alone.
        masked_output: what is put out where no step counts: ``zero``; ``repeat``, the output before it, and 0
            before the first; or ``state``, the hidden state as it is.

    Returns:
        The hidden states ``(batch, time, …, filters)``, or the last one ``(batch, …, filters)``; and the
        hidden and the cell state computed last.

    Raises:
        ValueError: a shape does not fit, there is no step, or an option is unknown.

    Source: Shi et al. (2015), Convolutional LSTM network, arXiv:1506.04214, section 3.1, without peepholes.
    """
    check_choice("padding", padding, ("same", "valid"))
    check_choice("direction", direction, ("forward", "backward_reversed"))
    check_choice("masked_output", masked_output, MASKED)
    if mask is not None:
        require_shape("mask", mask, x.shape[:2], "batch, time")
    require(x.ndim == kernel.ndim + 1, f"x must have one axis more than the kernel; got {x.shape}")
    require(x.shape[1] > 0, f"x must have at least one time step; got shape {x.shape}")
    filters = kernel.shape[-1] // 4
    require_shape("c", c, h.shape, "batch, …, filters")
    wanted = (*kernel.shape[:-2], filters, 4 * filters)
    require_shape("recurrent_kernel", recurrent_kernel, wanted, "*window, filters, 4 filters")
    outputs, steps, y = [], part(unstack, part(time_first, x)), np.zeros_like(h)
    functions = {"activation": activation, "recurrent_activation": recurrent_activation}
    for t in range(len(steps)) if direction == "forward" else reversed(range(len(steps))):
        step, before = steps[t], (h, c)
        into = part(conv, step, kernel, bias, padding=padding, strides=strides, dilation=dilation)
        require_shape("h", h, (*into.shape[:-1], filters), "batch, …, filters")
        z = part(add, into, part(conv, h, recurrent_kernel, None, padding="same"))
        h, c = part(lstm_cell, z, c, forget_bias=forget_bias, **functions)
        if mask is None:
            y = h
        else:
            counts = np.reshape(mask[:, t], (-1, *(1,) * (h.ndim - 1)))
            past = {"repeat": y, "state": before[0]}.get(masked_output, np.zeros_like(h))
            y = part(chosen, h, past, counts)
            h, c = (part(chosen, new, old, counts) for new, old in zip((h, c), before, strict=True))
        outputs.append(y)
    return part(over_time, *outputs) if return_sequences else y, h, c


conv_lstm_vjp = chained(conv_lstm, wrt=6)


def chosen(new: Array, old: Array, counts: Array) -> Array:
    """The new array where something counts, and the old one elsewhere."""
    return np.where(counts, new, old)


def chosen_vjp(new: Array, old: Array, counts: Array, cotangent: Array) -> tuple[Array, Array]:
    """Gradient of `chosen`."""
    return np.where(counts, cotangent, 0.0), np.where(counts, 0.0, cotangent)


def time_first(x: Array) -> Array:
    """The first two axes exchanged."""
    return np.swapaxes(x, 0, 1)


def time_first_vjp(x: Array, cotangent: Array) -> tuple[Array]:
    """Gradient of `time_first`."""
    return (np.swapaxes(cotangent, 0, 1),)


def over_time(*states: Array) -> Array:
    """These states as a sequence, time behind the batch."""
    return np.stack(states, axis=1)


def over_time_vjp(*states_and_cotangent: Array) -> tuple[Array, ...]:
    """Gradient of `over_time`: that of each state."""
    *states, cotangent = states_and_cotangent
    return tuple(cotangent[:, t] for t in range(len(states)))


def lstm_cell(
    z: Array,
    c: Array,
    *,
    forget_bias: float = 0.0,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
) -> tuple[Array, Array]:
    """The hidden and the cell state that follow from what goes into the gates i, f, g, o."""
    squash, gate = activation_of(activation), gate_of(recurrent_activation)
    i, f, g, o = np.split(z, 4, axis=-1)
    cell = gate(f + forget_bias) * c + gate(i) * squash(g)
    return gate(o) * squash(cell), cell


def lstm_cell_vjp(
    z: Array,
    c: Array,
    cotangents: tuple[Array, Array],
    *,
    forget_bias: float = 0.0,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
) -> tuple[Array, Array]:
    """Gradient of `lstm_cell`: through the output gate and the squashed cell into the other gates."""
    of_h, of_c = cotangents
    squash, gate = activation_of(activation), gate_of(recurrent_activation)
    i, f, g, o = np.split(z, 4, axis=-1)
    i, f, g, o = gate(i), gate(f + forget_bias), squash(g), gate(o)
    squashed = squash(f * c + i * g)
    of_cell = of_c + of_h * o * slope_of(activation, squashed)
    slopes = (
        of_cell * g * slope_of(recurrent_activation, i),
        of_cell * c * slope_of(recurrent_activation, f),
        of_cell * i * slope_of(activation, g),
        of_h * squashed * slope_of(recurrent_activation, o),
    )
    return np.concatenate(slopes, axis=-1), of_cell * f
