"""Recurrent layers over sequences of different lengths, and in both directions.

Everything here is put together from a layer over one sequence and its gradient, as `sequences` tells for any.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .checks import Array
from .recurrent import gru, gru_vjp, lstm, lstm_vjp, simple_rnn, simple_rnn_vjp
from .sequences import Cell, Padded, bidirectional, bidirectional_vjp, masked, masked_vjp
from .steps import Carry

__all__ = [
    "bidirectional_gru",
    "bidirectional_gru_vjp",
    "bidirectional_lstm",
    "bidirectional_lstm_vjp",
    "bidirectional_simple_rnn",
    "bidirectional_simple_rnn_vjp",
    "masked_gru",
    "masked_gru_vjp",
    "masked_lstm",
    "masked_lstm_vjp",
    "masked_simple_rnn",
    "masked_simple_rnn_vjp",
]

LSTM = Cell(lstm, lstm_vjp, ("h", "c"), gates=4)
SIMPLE_RNN = Cell(simple_rnn, simple_rnn_vjp, ("h",), gates=1)


def weighed_gru(reset_after: bool, *weights: Array | None) -> tuple[Cell, Carry, tuple[None, ...]]:
    """The cell, the weights that there are, and nothing for each that there is not."""
    given = tuple(weight for weight in weights if weight is not None)
    absent = (None,) * (len(weights) - len(given))
    layer: Callable[..., Carry] = functools.partial(gru, reset_after=reset_after)
    vjp: Callable[..., Carry] = functools.partial(gru_vjp, reset_after=reset_after)

    def gradient(*arrays: Array) -> Carry:
        gradients = vjp(*arrays[:-1], *absent, arrays[-1])
        return gradients[: len(gradients) - len(absent)]

    return Cell(layer, gradient, ("h",), gates=3), given, absent


# --- sequences of different lengths ---


def masked_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    masked_output: str = "zero",
    direction: str = "forward",
    reversal: str = "whole",
    return_sequences: bool = True,
) -> Carry:
    """Long short-term memory over padded sequences.

    At a step that counts ``lstm``; at one that is masked ``hₜ = hₜ₋₁`` and ``cₜ = cₜ₋₁``, and the output is
    0, the last output (0 before there is one), the state ``hₜ₋₁``, or what an LSTM computes that goes on
    through the padding

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: ``(units, 4 units)``.
        bias: ``(4 units,)``.
        lengths: number of steps that count, from the first on, ``(batch,)``; or None.
        mask: True where a step counts, ``(batch, time)``; or None. One of the two is given.
        masked_output: ``zero``, ``repeat``, ``state`` or ``computed``, which goes with lengths.
        direction: ``forward``; ``backward``, from the last step that counts to the first; or
            ``backward_reversed``, the same with the outputs in the order in which they were computed.
        reversal: what is turned round in time: the ``whole``, so that the padding comes first; or the
            ``valid`` steps of each sequence and its padding, each by themselves, so that it stays behind.
        return_sequences: return all outputs; or that of the step taken last, which may be one of padding.

    Returns:
        The outputs ``(batch, time, units)``, or the last one ``(batch, units)``; and the hidden and the cell
        state after the last step that counts, each ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, both or none of ``lengths`` and ``mask`` are
            given, a length is below 0 or above the number of steps, an option is unknown, or a mask comes
            with what needs lengths.

    Source: `lstm`; for padding the pages of ``torch.nn.utils.rnn.pack_padded_sequence``, ``keras.layers.RNN``
    and ``flax.nnx.RNN``.
    """
    padded = Padded(lengths, mask, masked_output, direction, reversal, return_sequences)
    return masked(LSTM, x, (h, c), (kernel, recurrent_kernel, bias), padded)


def masked_lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    masked_output: str = "zero",
    direction: str = "forward",
    reversal: str = "whole",
    return_sequences: bool = True,
) -> Carry:
    """Gradient of `masked_lstm`: past a masked step go the gradients of the carry, and nothing into x.

    What arrives at the output of a masked step goes nowhere, to the output repeated, or into the state.
    """
    padded = Padded(lengths, mask, masked_output, direction, reversal, return_sequences)
    return masked_vjp(LSTM, x, (h, c), (kernel, recurrent_kernel, bias), padded, cotangents)


def masked_gru(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None = None,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    reset_after: bool = True,
    masked_output: str = "zero",
    direction: str = "forward",
    reversal: str = "whole",
    return_sequences: bool = True,
) -> Carry:
    """Gated recurrent unit over padded sequences.

    At a step that counts ``gru``; at one that is masked ``hₜ = hₜ₋₁``, and the output is 0, the last output
    (0 before there is one), the state ``hₜ₋₁``, or what a unit computes that goes on through the padding

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        kernel: ``(features, 3 units)``, gates in the order r, z, n.
        recurrent_kernel: ``(units, 3 units)``.
        bias: ``(3 units,)``.
        recurrent_bias: of the candidate, inside the reset, ``(units,)``; or None.
        lengths: number of steps that count, ``(batch,)``; or None.
        mask: True where a step counts, ``(batch, time)``; or None. One of the two is given.
        reset_after: apply the reset gate after the recurrent product.
        masked_output: ``zero``, ``repeat``, ``state`` or ``computed``, which goes with lengths.
        direction: ``forward``, ``backward`` or ``backward_reversed``, as in `masked_lstm`.
        reversal: what is turned round in time: the ``whole``, or the ``valid`` steps by themselves.
        return_sequences: return all outputs; or that of the step taken last.

    Returns:
        The outputs ``(batch, time, units)``, or the last one ``(batch, units)``; and the hidden state after
        the last step that counts, ``(batch, units)``.

    Raises:
        ValueError: as `masked_lstm` and `gru`.

    Source: `gru`, `masked_lstm`.
    """
    cell, weights, _ = weighed_gru(reset_after, kernel, recurrent_kernel, bias, recurrent_bias)
    padded = Padded(lengths, mask, masked_output, direction, reversal, return_sequences)
    return masked(cell, x, (h,), weights, padded)


def masked_gru_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    reset_after: bool = True,
    masked_output: str = "zero",
    direction: str = "forward",
    reversal: str = "whole",
    return_sequences: bool = True,
) -> tuple[Array | None, ...]:
    """Gradient of `masked_gru`, which goes the ways of `masked_lstm_vjp`."""
    cell, weights, absent = weighed_gru(reset_after, kernel, recurrent_kernel, bias, recurrent_bias)
    padded = Padded(lengths, mask, masked_output, direction, reversal, return_sequences)
    return *masked_vjp(cell, x, (h,), weights, padded, cotangents), *absent


def masked_simple_rnn(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    masked_output: str = "zero",
    direction: str = "forward",
    reversal: str = "whole",
    return_sequences: bool = True,
) -> Carry:
    """Fully connected recurrent layer (Elman network) over padded sequences.

    At a step that counts ``hₜ = tanh(xₜ W + hₜ₋₁ U + b)``; at one that is masked ``hₜ = hₜ₋₁``, and the
    output is 0, the last output (0 before there is one), the state ``hₜ₋₁``, or what a layer computes that
    goes on through the padding

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        kernel: W, ``(features, units)``.
        recurrent_kernel: U, ``(units, units)``.
        bias: b, ``(units,)``.
        lengths: number of steps that count, ``(batch,)``; or None.
        mask: True where a step counts, ``(batch, time)``; or None. One of the two is given.
        masked_output: ``zero``, ``repeat``, ``state`` or ``computed``, which goes with lengths.
        direction: ``forward``, ``backward`` or ``backward_reversed``, as in `masked_lstm`.
        reversal: what is turned round in time: the ``whole``, or the ``valid`` steps by themselves.
        return_sequences: return all outputs; or that of the step taken last.

    Returns:
        The outputs ``(batch, time, units)``, or the last one ``(batch, units)``; and the hidden state after
        the last step that counts, ``(batch, units)``.

    Raises:
        ValueError: as `masked_lstm`.

    Source: `simple_rnn`, `masked_lstm`.
    """
    padded = Padded(lengths, mask, masked_output, direction, reversal, return_sequences)
    return masked(SIMPLE_RNN, x, (h,), (kernel, recurrent_kernel, bias), padded)


def masked_simple_rnn_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    masked_output: str = "zero",
    direction: str = "forward",
    reversal: str = "whole",
    return_sequences: bool = True,
) -> Carry:
    """Gradient of `masked_simple_rnn`, which goes the ways of `masked_lstm_vjp`."""
    padded = Padded(lengths, mask, masked_output, direction, reversal, return_sequences)
    return masked_vjp(SIMPLE_RNN, x, (h,), (kernel, recurrent_kernel, bias), padded, cotangents)


# --- both directions ---


def bidirectional_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    merge: str | None = "concat",
    returns: str = "sequence",
    masked_output: str = "zero",
) -> Carry:
    """Two long short-term memories, one from the first step to the last and one from the last to the first.

    ``yₜ = [fₜ, bₜ]``, ``fₜ + bₜ``, ``fₜ bₜ`` or ``(fₜ + bₜ) / 2``, where ``bₜ`` stands at the step whose
    input it has seen last

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden states, ``(2, batch, units)``, forward and backward.
        c: initial cell states, ``(2, batch, units)``.
        kernel: ``(2, features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: ``(2, units, 4 units)``.
        bias: ``(2, 4 units)``.
        lengths: number of steps that count, ``(batch,)``; or None. Backwards goes from the last one that
            counts.
        mask: True where a step counts, ``(batch, time)``; or None. Without both all steps count.
        merge: ``concat``, ``sum``, ``mul`` or ``ave``; or None, for the one before the other along an axis in
            front.
        returns: ``sequence``; ``ends``, the states in which the two ended, merged; or ``last_step``, the
            sequence at its last step, where the backward one has seen one input only.
        masked_output: what both give at masked steps: ``zero``; or, past the end of lengths, ``computed``,
            what follows from the padding.

    Returns:
        What is asked for, ``(batch, time, …)`` or ``(batch, …)``, with twice the units if joined, and an axis
        of two in front if not merged; and the
        hidden and the cell states in which the two ended, each ``(2, batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, an option is unknown, lengths come with a mask, or
            a mask with what needs lengths.

    Source: Schuster and Paliwal (1997), Bidirectional recurrent neural networks, IEEE TSP 45(11); Graves and
    Schmidhuber (2005), Neural Networks 18.
    """
    carry, weights = (h, c), (kernel, recurrent_kernel, bias)
    options: dict[str, Any] = {"merge": merge, "returns": returns, "masked_output": masked_output}
    return bidirectional(LSTM, x, carry, weights, lengths, mask, **options)


def bidirectional_lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    merge: str | None = "concat",
    returns: str = "sequence",
    masked_output: str = "zero",
) -> Carry:
    """Gradient of `bidirectional_lstm`: those of the two, whose gradients with respect to x add up."""
    carry, weights = (h, c), (kernel, recurrent_kernel, bias)
    options: dict[str, Any] = {"merge": merge, "returns": returns, "masked_output": masked_output}
    return bidirectional_vjp(LSTM, x, carry, weights, lengths, mask, cotangents, **options)


def bidirectional_gru(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None = None,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    reset_after: bool = True,
    merge: str | None = "concat",
    returns: str = "sequence",
    masked_output: str = "zero",
) -> Carry:
    """Two gated recurrent units, one from the first step to the last and one from the last to the first.

    ``yₜ = [fₜ, bₜ]``, ``fₜ + bₜ``, ``fₜ bₜ`` or ``(fₜ + bₜ) / 2``, where ``bₜ`` stands at the step whose
    input it has seen last

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden states, ``(2, batch, units)``, forward and backward.
        kernel: ``(2, features, 3 units)``, gates in the order r, z, n.
        recurrent_kernel: ``(2, units, 3 units)``.
        bias: ``(2, 3 units)``.
        recurrent_bias: of the candidate, inside the reset, ``(2, units)``; or None.
        lengths: number of steps that count, ``(batch,)``; or None.
        mask: True where a step counts, ``(batch, time)``; or None. Without both all steps count.
        reset_after: apply the reset gate after the recurrent product.
        merge: ``concat``, ``sum``, ``mul`` or ``ave``; or None, for the one before the other.
        returns: ``sequence``; ``ends``, the states in which the two ended, merged; or ``last_step``, the
            sequence at its last step.
        masked_output: what both give at masked steps: ``zero``, or ``computed`` past the end of lengths.

    Returns:
        What is asked for, ``(batch, time, …)`` or ``(batch, …)``, with twice the units if joined, and an axis
        of two in front if not merged; and the
        hidden states in which the two ended, ``(2, batch, units)``.

    Raises:
        ValueError: as `bidirectional_lstm` and `gru`.

    Source: `gru`, `bidirectional_lstm`.
    """
    cell, weights, _ = weighed_gru(reset_after, kernel, recurrent_kernel, bias, recurrent_bias)
    options: dict[str, Any] = {"merge": merge, "returns": returns, "masked_output": masked_output}
    return bidirectional(cell, x, (h,), weights, lengths, mask, **options)


def bidirectional_gru_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    reset_after: bool = True,
    merge: str | None = "concat",
    returns: str = "sequence",
    masked_output: str = "zero",
) -> tuple[Array | None, ...]:
    """Gradient of `bidirectional_gru`: those of the two, whose gradients with respect to x add up."""
    cell, weights, absent = weighed_gru(reset_after, kernel, recurrent_kernel, bias, recurrent_bias)
    options: dict[str, Any] = {"merge": merge, "returns": returns, "masked_output": masked_output}
    return *bidirectional_vjp(cell, x, (h,), weights, lengths, mask, cotangents, **options), *absent


def bidirectional_simple_rnn(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None = None,
    mask: Array | None = None,
    *,
    merge: str | None = "concat",
    returns: str = "sequence",
    masked_output: str = "zero",
) -> Carry:
    """Two fully connected recurrent layers, one from the first step to the last and one the other way.

    ``yₜ = [fₜ, bₜ]``, ``fₜ + bₜ``, ``fₜ bₜ`` or ``(fₜ + bₜ) / 2``, where ``bₜ`` stands at the step whose
    input it has seen last, and both are by ``hₜ = tanh(xₜ W + h U + b)`` of the state before

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden states, ``(2, batch, units)``, forward and backward.
        kernel: W, ``(2, features, units)``.
        recurrent_kernel: U, ``(2, units, units)``.
        bias: b, ``(2, units)``.
        lengths: number of steps that count, ``(batch,)``; or None.
        mask: True where a step counts, ``(batch, time)``; or None. Without both all steps count.
        merge: ``concat``, ``sum``, ``mul`` or ``ave``; or None, for the one before the other.
        returns: ``sequence``; ``ends``, the states in which the two ended, merged; or ``last_step``, the
            sequence at its last step.
        masked_output: what both give at masked steps: ``zero``, or ``computed`` past the end of lengths.

    Returns:
        What is asked for, ``(batch, time, …)`` or ``(batch, …)``, with twice the units if joined, and an axis
        of two in front if not merged; and the
        hidden states in which the two ended, ``(2, batch, units)``.

    Raises:
        ValueError: as `bidirectional_lstm`.

    Source: `simple_rnn`, `bidirectional_lstm`.
    """
    options: dict[str, Any] = {"merge": merge, "returns": returns, "masked_output": masked_output}
    return bidirectional(SIMPLE_RNN, x, (h,), (kernel, recurrent_kernel, bias), lengths, mask, **options)


def bidirectional_simple_rnn_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    merge: str | None = "concat",
    returns: str = "sequence",
    masked_output: str = "zero",
) -> Carry:
    """Gradient of `bidirectional_simple_rnn`: those of the two, whose gradients with respect to x add up."""
    weights = (kernel, recurrent_kernel, bias)
    options: dict[str, Any] = {"merge": merge, "returns": returns, "masked_output": masked_output}
    return bidirectional_vjp(SIMPLE_RNN, x, (h,), weights, lengths, mask, cotangents, **options)
