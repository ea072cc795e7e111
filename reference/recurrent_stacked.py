"""Layers of recurrent cells one upon the other, and layers that keep their state from one call to the next.

Each function stands beside its vector-Jacobian product, ``name_vjp(inputs…, cotangent, …)``.
"""

from __future__ import annotations

from .checks import Array
from .recurrent_sequences import LSTM, SIMPLE_RNN, weighed_gru
from .sequences import padding, stacked, stacked_vjp, stateful, stateful_vjp
from .steps import Carry, Drop

# --- in layers ---


def stacked_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    masked_output: str = "zero",
    drop: Drop | None = None,
) -> Carry:
    """Long short-term memories in layers, each over the hidden states of the one below.

    ``y⁰ = x``, ``yⁿ = lstmₙ(yⁿ⁻¹)``, each layer with a carry and weights of its own, and each stepping over
    what is masked

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden states, ``(layers, batch, units)``.
        c: initial cell states, ``(layers, batch, units)``.
        kernel: of the lowest layer, ``(features, 4 units)``, gates in the order i, f, g, o.
        upper_kernels: of the others, ``(layers - 1, units, 4 units)``.
        recurrent_kernel: ``(layers, units, 4 units)``.
        bias: ``(layers, 4 units)``.
        lengths: number of steps that count, ``(batch,)``; or None.
        mask: True where a step counts, ``(batch, time)``; or None. Without both all steps count.
        masked_output: ``zero``, ``repeat``, ``state`` or ``computed``, as in `masked_lstm`, of each layer.
        drop: what is left of the sequence that a layer of this number gives to the next
            (`stacked_lstm_dropout`).

    Returns:
        The hidden states of the uppermost layer ``(batch, time, units)``, and the hidden and the cell states
        that each layer computed last, ``(layers, batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, the numbers of layers differ, both ``lengths`` and
            ``mask`` are given, or an option is unknown.

    Source: Graves, Mohamed and Hinton (2013), arXiv:1303.5778, section 3.
    """
    padded = padding(lengths, mask, masked_output)
    return stacked(LSTM, x, (h, c), kernel, upper_kernels, (recurrent_kernel, bias), drop, padded)


def stacked_lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    masked_output: str = "zero",
    drop: Drop | None = None,
) -> Carry:
    """Gradient of `stacked_lstm`: what a layer gives for its input is the cotangent of the one below."""
    others, padded = (recurrent_kernel, bias), padding(lengths, mask, masked_output)
    return stacked_vjp(LSTM, x, (h, c), kernel, upper_kernels, others, cotangents, drop, padded)


def stacked_gru(
    x: Array,
    h: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None = None,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    reset_after: bool = True,
    masked_output: str = "zero",
) -> Carry:
    """Gated recurrent units in layers, each over the hidden states of the one below.

    ``y⁰ = x``, ``yⁿ = gruₙ(yⁿ⁻¹)``, each layer with a carry and weights of its own

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden states, ``(layers, batch, units)``.
        kernel: of the lowest layer, ``(features, 3 units)``, gates in the order r, z, n.
        upper_kernels: of the others, ``(layers - 1, units, 3 units)``.
        recurrent_kernel: ``(layers, units, 3 units)``.
        bias: ``(layers, 3 units)``.
        recurrent_bias: of the candidate, inside the reset, ``(layers, units)``; or None.
        lengths: number of steps that count, ``(batch,)``; or None.
        mask: True where a step counts, ``(batch, time)``; or None. Without both all steps count.
        reset_after: apply the reset gate after the recurrent product.
        masked_output: ``zero``, ``repeat``, ``state`` or ``computed``, as in `masked_lstm`, of each layer.

    Returns:
        The hidden states of the uppermost layer ``(batch, time, units)``, and those that each layer computed
        last, ``(layers, batch, units)``.

    Raises:
        ValueError: as `stacked_lstm` and `gru`.

    Source: `gru`, `stacked_lstm`.
    """
    cell, others, _ = weighed_gru(reset_after, recurrent_kernel, bias, recurrent_bias)
    padded = padding(lengths, mask, masked_output)
    return stacked(cell, x, (h,), kernel, upper_kernels, others, padded=padded)


def stacked_gru_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    reset_after: bool = True,
    masked_output: str = "zero",
) -> tuple[Array | None, ...]:
    """Gradient of `stacked_gru`: what a layer gives for its input is the cotangent of the one below."""
    cell, others, absent = weighed_gru(reset_after, recurrent_kernel, bias, recurrent_bias)
    padded = padding(lengths, mask, masked_output)
    return *stacked_vjp(cell, x, (h,), kernel, upper_kernels, others, cotangents, padded=padded), *absent


def stacked_simple_rnn(
    x: Array,
    h: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    masked_output: str = "zero",
) -> Carry:
    """Fully connected recurrent layers, each over the hidden states of the one below.

    ``y⁰ = x``, ``yⁿₜ = tanh(yⁿ⁻¹ₜ Wₙ + yⁿₜ₋₁ Uₙ + bₙ)``, each layer with a state and weights of its own

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden states, ``(layers, batch, units)``.
        kernel: W of the lowest layer, ``(features, units)``.
        upper_kernels: of the others, ``(layers - 1, units, units)``.
        recurrent_kernel: U, ``(layers, units, units)``.
        bias: b, ``(layers, units)``.
        lengths: number of steps that count, ``(batch,)``; or None.
        mask: True where a step counts, ``(batch, time)``; or None. Without both all steps count.
        masked_output: ``zero``, ``repeat``, ``state`` or ``computed``, as in `masked_lstm`, of each layer.

    Returns:
        The hidden states of the uppermost layer ``(batch, time, units)``, and those that each layer computed
        last, ``(layers, batch, units)``.

    Raises:
        ValueError: as `stacked_lstm`.

    Source: `simple_rnn`, `stacked_lstm`.
    """
    padded = padding(lengths, mask, masked_output)
    return stacked(SIMPLE_RNN, x, (h,), kernel, upper_kernels, (recurrent_kernel, bias), padded=padded)


def stacked_simple_rnn_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    masked_output: str = "zero",
) -> Carry:
    """Gradient of `stacked_simple_rnn`: what a layer gives for its input is the cotangent of that below."""
    others, padded = (recurrent_kernel, bias), padding(lengths, mask, masked_output)
    return stacked_vjp(SIMPLE_RNN, x, (h,), kernel, upper_kernels, others, cotangents, padded=padded)


# --- from call to call ---


def stateful_lstm(
    x: Array,
    other: Array | None,
    later: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    *,
    between: str = "nothing",
    kept_by: str = "layer",
) -> Carry:
    """Two calls of one long short-term memory, and what comes between them.

    The first call starts from zeros, the second from the carry that is left: that of the first call; where
    other data was predicted in between and the *layer* keeps the carry, that of this prediction; zeros
    after a reset. Where the *caller* keeps it, a prediction in between starts from zeros and changes nothing

    Args:
        x: of the first call, ``(batch, time, features)``.
        other: of the call in between, ``(batch, time, features)``; or None.
        later: of the last call, ``(batch, steps, features)``.
        kernel: ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: ``(units, 4 units)``.
        bias: ``(4 units,)``.
        between: ``nothing``, ``predict`` or ``reset``.
        kept_by: ``layer`` or ``caller``.

    Returns:
        The hidden states of the first call ``(batch, time, units)`` and of the last, and the hidden and the
        cell state after it, each ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, a call has no step, an option is unknown, or ``other`` is missing
            where it is predicted or given where it is not.

    Source: the ``stateful`` argument at keras.io/api/layers/recurrent_layers/lstm.
    """
    weights = (kernel, recurrent_kernel, bias)
    return stateful(LSTM, x, other, later, weights, between=between, kept_by=kept_by)


def stateful_lstm_vjp(
    x: Array,
    other: Array | None,
    later: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    cotangents: Carry,
    *,
    between: str = "nothing",
    kept_by: str = "layer",
) -> tuple[Array | None, ...]:
    """Gradient of `stateful_lstm`: through the calls in reverse, as far as the carry was handed on."""
    weights = (kernel, recurrent_kernel, bias)
    return stateful_vjp(LSTM, x, other, later, weights, cotangents, between=between, kept_by=kept_by)


def stateful_gru(
    x: Array,
    other: Array | None,
    later: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None = None,
    *,
    reset_after: bool = True,
    between: str = "nothing",
    kept_by: str = "layer",
) -> Carry:
    """Two calls of one gated recurrent unit, and what comes between them.

    The first call starts from zeros, the second from the state that is left: that of the first call; where
    other data was predicted in between and the *layer* keeps the state, that of this prediction; zeros
    after a reset. Where the *caller* keeps it, a prediction in between starts from zeros and changes nothing

    Args:
        x: of the first call, ``(batch, time, features)``.
        other: of the call in between, ``(batch, time, features)``; or None.
        later: of the last call, ``(batch, steps, features)``.
        kernel: ``(features, 3 units)``, gates in the order r, z, n.
        recurrent_kernel: ``(units, 3 units)``.
        bias: ``(3 units,)``.
        recurrent_bias: of the candidate, inside the reset, ``(units,)``; or None.
        reset_after: apply the reset gate after the recurrent product.
        between: ``nothing``, ``predict`` or ``reset``.
        kept_by: ``layer`` or ``caller``.

    Returns:
        The hidden states of the first call ``(batch, time, units)`` and of the last, and the one computed
        last, ``(batch, units)``.

    Raises:
        ValueError: as `stateful_lstm` and `gru`.

    Source: `gru`, `stateful_lstm`.
    """
    cell, weights, _ = weighed_gru(reset_after, kernel, recurrent_kernel, bias, recurrent_bias)
    return stateful(cell, x, other, later, weights, between=between, kept_by=kept_by)


def stateful_gru_vjp(
    x: Array,
    other: Array | None,
    later: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None,
    cotangents: Carry,
    *,
    reset_after: bool = True,
    between: str = "nothing",
    kept_by: str = "layer",
) -> tuple[Array | None, ...]:
    """Gradient of `stateful_gru`: through the calls in reverse, as far as the state was handed on."""
    cell, weights, absent = weighed_gru(reset_after, kernel, recurrent_kernel, bias, recurrent_bias)
    options = {"between": between, "kept_by": kept_by}
    return *stateful_vjp(cell, x, other, later, weights, cotangents, **options), *absent


def stateful_simple_rnn(
    x: Array,
    other: Array | None,
    later: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    *,
    between: str = "nothing",
    kept_by: str = "layer",
) -> Carry:
    """Two calls of one fully connected recurrent layer, and what comes between them.

    In each ``hₜ = tanh(xₜ W + hₜ₋₁ U + b)``. The first call starts from zeros, the second from the state that
    is left: that of the first call; where other data was predicted in between and the *layer* keeps the
    state, that of this prediction; zeros after a reset. Where the *caller* keeps it, a prediction in between
    starts from zeros and changes nothing

    Args:
        x: of the first call, ``(batch, time, features)``.
        other: of the call in between, ``(batch, time, features)``; or None.
        later: of the last call, ``(batch, steps, features)``.
        kernel: W, ``(features, units)``.
        recurrent_kernel: U, ``(units, units)``.
        bias: b, ``(units,)``.
        between: ``nothing``, ``predict`` or ``reset``.
        kept_by: ``layer`` or ``caller``.

    Returns:
        The hidden states of the first call ``(batch, time, units)`` and of the last, and the one computed
        last, ``(batch, units)``.

    Raises:
        ValueError: as `stateful_lstm`.

    Source: `simple_rnn`, `stateful_lstm`.
    """
    weights = (kernel, recurrent_kernel, bias)
    return stateful(SIMPLE_RNN, x, other, later, weights, between=between, kept_by=kept_by)


def stateful_simple_rnn_vjp(
    x: Array,
    other: Array | None,
    later: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    cotangents: Carry,
    *,
    between: str = "nothing",
    kept_by: str = "layer",
) -> tuple[Array | None, ...]:
    """Gradient of `stateful_simple_rnn`: through the calls in reverse, as far as the state was handed on."""
    weights = (kernel, recurrent_kernel, bias)
    return stateful_vjp(SIMPLE_RNN, x, other, later, weights, cotangents, between=between, kept_by=kept_by)
