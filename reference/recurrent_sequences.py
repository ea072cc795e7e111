"""The LSTM over sequences of different lengths, in both directions, in layers, and from call to call.

Everything here is put together from `lstm` and its gradient. A *masked* step is one of padding: it leaves the
carry as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .checks import Array, require, require_rank, require_shape
from .recurrent import lstm, lstm_vjp
from .steps import Carry, back_through_time, carries_of, check_layer, outputs_of, steps_of, total

__all__ = [
    "bidirectional_lstm",
    "bidirectional_lstm_vjp",
    "masked_lstm",
    "masked_lstm_vjp",
    "stacked_lstm",
    "stacked_lstm_vjp",
    "stateful_lstm",
    "stateful_lstm_vjp",
]

MASKED_OUTPUTS = ("zero", "repeat", "state", "computed")
DIRECTIONS = ("forward", "backward", "backward_reversed")
Weights = tuple[Array, Array, Array]

# Called with carries and weights spread out, of whose number their types know nothing.
_lstm: Callable[..., Carry] = lstm
_lstm_vjp: Callable[..., Any] = lstm_vjp


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
    check_layer(x, {"h": h, "c": c}, kernel, recurrent_kernel, bias, direction, gates=4)
    known = ", ".join(MASKED_OUTPUTS)
    require(masked_output in MASKED_OUTPUTS, f"masked_output must be one of {known}; got {masked_output!r}")
    require(reversal in ("valid", "whole"), f"reversal must be 'valid' or 'whole'; got {reversal!r}")
    counts = _counts(x, lengths, mask)
    weights = (kernel, recurrent_kernel, bias)
    order = _order(counts, lengths, direction, reversal)
    x, counts = _arranged(x, order), _arranged(counts, order)
    carries = _masked_carries(x, counts, h, c, weights, masked_output)
    sequence, _, h_last, c_last = outputs_of(carries)
    if masked_output == "computed":
        behind = direction == "forward" or reversal == "valid"
        require(lengths is not None and behind, "computed outputs need lengths, and padding behind")
        sequence, _, _ = _lstm(x, h, c, *weights)
    if not return_sequences:
        return sequence[:, -1], h_last, c_last
    return _arranged(sequence, order if direction == "backward" else None), h_last, c_last


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
    counts, weights = _counts(x, lengths, mask), (kernel, recurrent_kernel, bias)
    order = _order(counts, lengths, direction, reversal)
    x, counts = _arranged(x, order), _arranged(counts, order)
    of_y, of_h, of_c = cotangents
    if not return_sequences:
        last = (np.arange(x.shape[1]) == x.shape[1] - 1)[:, None]
        of_y = np.where(last, of_y[:, None], 0.0)
    elif direction == "backward":
        of_y = _arranged(of_y, order)
    through_padding: Carry = ()
    if masked_output == "computed":
        through_padding = _lstm_vjp(x, h, c, *weights, (of_y, 0.0 * of_h, 0.0 * of_c))
        of_y = 0.0 * of_y
    gradients = _masked_back(x, counts, h, c, weights, masked_output, (of_y, of_h, of_c))
    if through_padding:
        gradients = tuple(a + b for a, b in zip(gradients, through_padding, strict=True))
    return _arranged(gradients[0], order), *gradients[1:]


def _counts(x: Array, lengths: Array | None, mask: Array | None) -> Array:
    """Which steps count, ``(batch, time)``."""
    require(
        (lengths is None) != (mask is None), "one of lengths and mask must be given, and one of them only"
    )
    batch, time = x.shape[:2]
    if mask is not None:
        require_shape("mask", mask, (batch, time), "batch, time")
        return mask
    require_shape("lengths", lengths, (batch,), "batch")
    given: Any = lengths
    fit = bool(np.all((given >= 0) & (given <= time)))
    require(fit, f"lengths must be between 0 and the number of steps, {time}; got {lengths}")
    return np.arange(time) < lengths[:, None]  # type: ignore[index]


def _order(counts: Array, lengths: Array | None, direction: str, reversal: str) -> Array | None:
    """Places to take the steps from, ``(batch, time)``; the same places bring them back."""
    if direction == "forward":
        return None
    time = counts.shape[1]
    if reversal == "whole":
        return np.broadcast_to(np.arange(time)[::-1], counts.shape)
    require(
        lengths is not None, "a mask must be turned round as a whole: its valid steps need not be together"
    )
    return (np.arange(time)[::-1] + lengths[:, None]) % time  # type: ignore[index]


def _arranged(sequence: Array, order: Array | None) -> Array:
    if order is None:
        return sequence
    return np.take_along_axis(sequence, order[..., None] if sequence.ndim == 3 else order, axis=1)


def _by_step(x: Array, counts: Array) -> list[Any]:
    return list(zip(steps_of(x), steps_of(counts[..., None]), strict=True))


def _masked_carries(
    x: Array, counts: Array, h: Array, c: Array, weights: Weights, masked_output: str
) -> list[Carry]:
    """Output, hidden and cell state before the first step and after each."""
    step = functools.partial(_masked_step, weights=weights, masked_output=masked_output)
    return carries_of(step, _by_step(x, counts), (np.zeros_like(h), h, c))


def _masked_step(given: tuple[Array, Array], carry: Carry, weights: Weights, masked_output: str) -> Carry:
    (x, counts), (y, h, c) = given, carry
    _, h_next, c_next = _lstm(x[:, None], h, c, *weights)
    masked = {"repeat": y, "state": h}.get(masked_output, 0.0)
    return (
        np.where(counts, h_next, masked),
        np.where(counts, h_next, h),
        np.where(counts, c_next, c),
    )


def _masked_back(
    x: Array,
    counts: Array,
    h: Array,
    c: Array,
    weights: Weights,
    masked_output: str,
    cotangents: Carry,
) -> Carry:
    carries = _masked_carries(x, counts, h, c, weights, masked_output)
    of_y, of_h, of_c = cotangents
    gradient = functools.partial(_masked_gradient, weights=weights, masked_output=masked_output)
    by_step, (_, dh, dc), by_weights = back_through_time(
        gradient, _by_step(x, counts), carries, (of_y, 0.0 * of_h, of_h, of_c)
    )
    return np.stack(by_step, axis=1), dh, dc, *by_weights


def _masked_gradient(
    given: tuple[Array, Array], carry: Carry, into: Carry, weights: Weights, masked_output: str
) -> tuple[Array, Carry, Carry]:
    (x, counts), (_, h, c), (of_y, of_h, of_c) = given, carry, into
    taken = (np.where(counts, of_y + of_h, 0.0), np.where(counts, of_c, 0.0))
    dx, dh, dc, *of_weights = _lstm_vjp(x[:, None], h, c, *weights, (0.0 * taken[0][:, None], *taken))
    past = np.where(counts, 0.0, of_y)
    before = dh + np.where(counts, 0.0, of_h)
    return (
        dx[:, 0],
        (
            past if masked_output == "repeat" else 0.0 * past,
            before + past if masked_output == "state" else before,
            dc + np.where(counts, 0.0, of_c),
        ),
        tuple(of_weights),
    )


# --- both directions ---


def bidirectional_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None = None,
    *,
    merge: str = "concat",
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
        lengths: number of steps that count, ``(batch,)``; or None if all do. Backwards goes from the last one
            that counts.
        merge: ``concat``, ``sum``, ``mul`` or ``ave``.
        returns: ``sequence``; ``ends``, the states in which the two ended, merged; or ``last_step``, the
            sequence at its last step, where the backward one has seen one input only.
        masked_output: what both give past the end: ``zero``; or ``computed``, what follows from the padding.

    Returns:
        What is asked for, ``(batch, time, …)`` or ``(batch, …)``, with twice the units if joined; and the
        hidden and the cell states in which the two ended, each ``(2, batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, or an option is unknown.

    Source: Schuster and Paliwal (1997), Bidirectional recurrent neural networks, IEEE TSP 45(11); Graves and
    Schmidhuber (2005), Neural Networks 18.
    """
    require(merge in _MERGES, f"merge must be one of {', '.join(_MERGES)}; got {merge!r}")
    known = ("sequence", "ends", "last_step")
    require(returns in known, f"returns must be one of {', '.join(known)}; got {returns!r}")
    for name, array, axes in (
        ("h", h, "2, batch, units"),
        ("c", c, "2, batch, units"),
        ("kernel", kernel, "2, features, 4 units"),
        ("recurrent_kernel", recurrent_kernel, "2, units, 4 units"),
    ):
        require_rank(name, array, 3, axes)
        require(len(array) == 2, f"{name} must have one part for each direction; got shape {array.shape}")
    require_shape("bias", bias, (2, kernel.shape[2]), "2, 4 units")
    streams, h_last, c_last = zip(
        *(
            masked_lstm(*inputs, **options)
            for inputs, options in _each_way(x, h, c, kernel, recurrent_kernel, bias, lengths, masked_output)
        ),
        strict=True,
    )
    merged = _MERGES[merge][0]
    y = merged(*h_last) if returns == "ends" else merged(*streams)
    return (y[:, -1] if returns == "last_step" else y), np.stack(h_last), np.stack(c_last)


def bidirectional_lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None,
    cotangents: Carry,
    *,
    merge: str = "concat",
    returns: str = "sequence",
    masked_output: str = "zero",
) -> Carry:
    """Gradient of `bidirectional_lstm`: those of the two, whose gradients with respect to x add up."""
    of_y, of_h, of_c = cotangents
    both = list(_each_way(x, h, c, kernel, recurrent_kernel, bias, lengths, masked_output))
    streams, h_last, _ = zip(*(masked_lstm(*inputs, **options) for inputs, options in both), strict=True)
    if returns == "last_step":
        of_y = np.where((np.arange(x.shape[1]) == x.shape[1] - 1)[:, None], of_y[:, None], 0.0)
    parts = _MERGES[merge][1](of_y, *(h_last if returns == "ends" else streams))
    gradients = []
    for part, of_h_last, of_c_last, (inputs, options) in zip(parts, of_h, of_c, both, strict=True):
        at_end = returns == "ends"
        of_stream = np.zeros((*x.shape[:2], h.shape[-1])) if at_end else part
        into = (of_stream, of_h_last + part if at_end else of_h_last, of_c_last)
        backwards: Callable[..., Carry] = masked_lstm_vjp
        gradients.append(backwards(*inputs, into, **options))
    (dx, *forward), (dx_back, *backward) = gradients
    return dx + dx_back, *(np.stack(pair) for pair in zip(forward, backward, strict=True))


def _each_way(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array | None,
    masked_output: str,
) -> Sequence[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Inputs and options of the two."""
    lengths = np.full(x.shape[0], x.shape[1]) if lengths is None else lengths
    options = {"masked_output": masked_output, "reversal": "valid"}
    return [
        (
            (x, h[n], c[n], kernel[n], recurrent_kernel[n], bias[n], lengths, None),
            options | {"direction": direction},
        )
        for n, direction in enumerate(("forward", "backward"))
    ]


_MERGES: dict[str, Any] = {
    "concat": (
        lambda f, b: np.concatenate((f, b), axis=-1),
        lambda g, f, b: np.split(g, 2, axis=-1),
    ),
    "sum": (lambda f, b: f + b, lambda g, f, b: (g, g)),
    "mul": (lambda f, b: f * b, lambda g, f, b: (g * b, g * f)),
    "ave": (lambda f, b: (f + b) / 2, lambda g, f, b: (g / 2, g / 2)),
}
"""Ways to merge, and the gradient of each."""


# --- in layers ---


def stacked_lstm(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
) -> Carry:
    """Long short-term memories in layers, each over the hidden states of the one below.

    ``y⁰ = x``, ``yⁿ = lstmₙ(yⁿ⁻¹)``, each layer with a carry and weights of its own

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden states, ``(layers, batch, units)``.
        c: initial cell states, ``(layers, batch, units)``.
        kernel: of the lowest layer, ``(features, 4 units)``, gates in the order i, f, g, o.
        upper_kernels: of the others, ``(layers - 1, units, 4 units)``.
        recurrent_kernel: ``(layers, units, 4 units)``.
        bias: ``(layers, 4 units)``.

    Returns:
        The hidden states of the uppermost layer ``(batch, time, units)``, and the hidden and the cell states
        that each layer computed last, ``(layers, batch, units)``.

    Raises:
        ValueError: a shape does not fit, there is no step, or the numbers of layers differ.

    Source: Graves, Mohamed and Hinton (2013), arXiv:1303.5778, section 3.
    """
    require_rank("upper_kernels", upper_kernels, 3, "layers - 1, units, 4 units")
    layers = len(upper_kernels) + 1
    for name, array in (("h", h), ("c", c), ("recurrent_kernel", recurrent_kernel), ("bias", bias)):
        require(len(array) == layers, f"{name} must have {layers} layers; got shape {array.shape}")
    _, carries = _layers(x, h, c, (kernel, *upper_kernels), recurrent_kernel, bias)
    sequences, h_last, c_last = zip(*carries, strict=True)
    return sequences[-1], np.stack(h_last), np.stack(c_last)


def stacked_lstm_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    cotangents: Carry,
) -> Carry:
    """Gradient of `stacked_lstm`: what a layer gives for its input is the cotangent of the one below."""
    into, of_h, of_c = cotangents
    kernels = (kernel, *upper_kernels)
    inputs, _ = _layers(x, h, c, kernels, recurrent_kernel, bias)
    by_layer = []
    for n in reversed(range(len(kernels))):
        weights = (kernels[n], recurrent_kernel[n], bias[n])
        into, *gradients = _lstm_vjp(inputs[n], h[n], c[n], *weights, (into, of_h[n], of_c[n]))
        by_layer.append(gradients)
    dh, dc, (of_kernel, *of_upper), of_recurrent, of_bias = zip(*by_layer[::-1], strict=True)
    return into, np.stack(dh), np.stack(dc), of_kernel, *map(np.stack, (of_upper, of_recurrent, of_bias))


def _layers(
    x: Array, h: Array, c: Array, kernels: Sequence[Array], recurrent_kernel: Array, bias: Array
) -> tuple[list[Array], list[Carry]]:
    """Input of each layer, and what it returns."""
    inputs, returned = [x], []
    for n, kernel in enumerate(kernels):
        returned.append(_lstm(inputs[-1], h[n], c[n], kernel, recurrent_kernel[n], bias[n]))
        inputs.append(returned[-1][0])
    return inputs, returned


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
    known = ("nothing", "predict", "reset")
    require(between in known, f"between must be one of {', '.join(known)}; got {between!r}")
    require(kept_by in ("layer", "caller"), f"kept_by must be 'layer' or 'caller'; got {kept_by!r}")
    require(
        (other is not None) == (between == "predict"), "other must be given where it is predicted, or None"
    )
    require_rank("recurrent_kernel", recurrent_kernel, 2, "units, 4 units")
    weights, rest = (kernel, recurrent_kernel, bias), _rest(x, recurrent_kernel)
    y, *carry = _lstm(x, *rest, *weights)
    if other is not None and kept_by == "layer":
        _, *carry = _lstm(other, *carry, *weights)
    return y, *_lstm(later, *(rest if between == "reset" else carry), *weights)


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
    weights, rest = (kernel, recurrent_kernel, bias), _rest(x, recurrent_kernel)
    of_y, *of_last = cotangents
    calls = [(x, of_y)]
    advances = other is not None and kept_by == "layer"
    if advances:
        calls.append((other, np.zeros((*other.shape[:2], rest[0].shape[1]))))  # type: ignore[union-attr]
    carries = [rest]
    for given, _ in calls:
        carries.append(_lstm(given, *carries[-1], *weights)[1:])
    carry = rest if between == "reset" else carries[-1]
    of_later, *of_carry, of_kernel, of_recurrent, of_bias = _lstm_vjp(later, *carry, *weights, tuple(of_last))
    totals = [(of_kernel, of_recurrent, of_bias)]
    into = [0.0 * g for g in of_carry] if between == "reset" else of_carry
    of_inputs = []
    for (given, of_sequence), before in reversed(list(zip(calls, carries, strict=False))):
        of_given, dh, dc, *by_weights = _lstm_vjp(given, *before, *weights, (of_sequence, *into))
        into = [dh, dc]
        of_inputs.append(of_given)
        totals.append(tuple(by_weights))
    of_x, *between_calls = of_inputs[::-1]
    of_other = None if other is None else (between_calls[0] if advances else 0.0 * other)
    return of_x, of_other, of_later, *(total(parts[::-1]) for parts in zip(*totals, strict=True))


def _rest(x: Array, recurrent_kernel: Array) -> Carry:
    """The carry of zeros."""
    return (np.zeros((x.shape[0], recurrent_kernel.shape[0])),) * 2
