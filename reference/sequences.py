"""Sequences of different lengths, both directions, layers, and call after call, of any recurrent layer.

Nothing is known here of a `Cell` but the layer that it makes over one sequence, and the gradient of that. A
*masked* step is one of padding: it leaves the carry as it is. What each function means is told where a layer
uses it, in `recurrent_sequences`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checks import Array, require, require_rank, require_shape
from .steps import Carry, Drop, back_through_time, carries_of, check_layer, outputs_of, steps_of, total

__all__ = [
    "DIRECTIONS",
    "MASKED_OUTPUTS",
    "Cell",
    "Padded",
    "bidirectional",
    "bidirectional_vjp",
    "masked",
    "masked_vjp",
    "over_padding",
    "padding",
    "stacked",
    "stacked_vjp",
    "stateful",
    "stateful_vjp",
]

MASKED_OUTPUTS = ("zero", "repeat", "state", "computed")
DIRECTIONS = ("forward", "backward", "backward_reversed")
WEIGHTS = ("kernel", "recurrent_kernel", "bias", "recurrent_bias")


@dataclass(frozen=True)
class Cell:
    """A recurrent layer over one sequence.

    ``layer(x, *carry, *weights)`` returns the outputs and the final carry, whose first state is the last
    output; ``gradient(x, *carry, *weights, cotangents)`` the gradients with respect to all of these.
    """

    layer: Callable[..., Carry]
    gradient: Callable[..., Carry]
    carry: tuple[str, ...]
    gates: int

    def named(self, carry: Carry, weights: Carry) -> dict[str, Array]:
        """States and weights by their names."""
        return dict(zip((*self.carry, *WEIGHTS), (*carry, *weights), strict=False))

    def parted(self, given: Carry) -> tuple[Carry, Carry]:
        """The carry, and the weights that follow it."""
        return given[: len(self.carry)], given[len(self.carry) :]

    def split(self, gradients: Carry) -> tuple[Array, Carry, Carry]:
        """Those with respect to x, the carry and the weights."""
        return gradients[0], *self.parted(gradients[1:])


# --- sequences of different lengths ---


@dataclass(frozen=True)
class Padded:
    """Which steps count, by ``lengths`` or a ``mask``, and what is done with the rest."""

    lengths: Array | None
    mask: Array | None
    output: str = "zero"
    direction: str = "forward"
    reversal: str = "whole"
    return_sequences: bool = True

    def counts(self, x: Array) -> Array:
        """Which steps count, ``(batch, time)``."""
        require(
            (self.lengths is None) != (self.mask is None),
            "one of lengths and mask must be given, and one of them only",
        )
        batch, time = x.shape[:2]
        if self.mask is not None:
            require_shape("mask", self.mask, (batch, time), "batch, time")
            return self.mask
        lengths: Any = self.lengths
        require_shape("lengths", lengths, (batch,), "batch")
        fit = bool(np.all((lengths >= 0) & (lengths <= time)))
        require(fit, f"lengths must be between 0 and the number of steps, {time}; got {lengths}")
        return np.arange(time) < lengths[:, None]

    def order(self, counts: Array) -> Array | None:
        """Places to take the steps from, ``(batch, time)``; the same places bring them back."""
        if self.direction == "forward":
            return None
        time = counts.shape[1]
        if self.reversal == "whole":
            return np.broadcast_to(np.arange(time)[::-1], counts.shape)
        lengths: Any = self.lengths
        require(
            lengths is not None,
            "a mask must be turned round as a whole: its valid steps need not be together",
        )
        return (np.arange(time)[::-1] + lengths[:, None]) % time

    def check(self) -> None:
        """Raise unless the options are known, and go together."""
        known = ", ".join(MASKED_OUTPUTS)
        require(self.output in MASKED_OUTPUTS, f"masked_output must be one of {known}; got {self.output!r}")
        require(
            self.reversal in ("valid", "whole"), f"reversal must be 'valid' or 'whole'; got {self.reversal!r}"
        )
        behind = self.lengths is not None and (self.direction == "forward" or self.reversal == "valid")
        require(self.output != "computed" or behind, "computed outputs need lengths, and padding behind")


def masked(cell: Cell, x: Array, carry: Carry, weights: Carry, padded: Padded) -> Carry:
    """The outputs, or the last one, and the carry after the last step that counts."""
    kernel, recurrent_kernel, bias = weights[:3]
    states = dict(zip(cell.carry, carry, strict=True))
    check_layer(x, states, kernel, recurrent_kernel, bias, padded.direction, cell.gates)
    counts = padded.counts(x)
    padded.check()
    order = padded.order(counts)
    x, counts = _arranged(x, order), _arranged(counts, order)
    sequence, _, *finals = outputs_of(_masked_carries(cell, x, counts, carry, weights, padded.output))
    if padded.output == "computed":
        sequence, *_ = cell.layer(x, *carry, *weights)
    if not padded.return_sequences:
        return sequence[:, -1], *finals
    return _arranged(sequence, order if padded.direction == "backward" else None), *finals


def masked_vjp(
    cell: Cell, x: Array, carry: Carry, weights: Carry, padded: Padded, cotangents: Carry
) -> Carry:
    """Gradient of `masked`: past a masked step go the gradients of the carry, and nothing into x.

    What arrives at the output of a masked step goes nowhere, to the output repeated, or into the state.
    """
    counts = padded.counts(x)
    order = padded.order(counts)
    x, counts = _arranged(x, order), _arranged(counts, order)
    of_y, *of_finals = cotangents
    if not padded.return_sequences:
        of_y = np.where(_last(x), of_y[:, None], 0.0)
    elif padded.direction == "backward":
        of_y = _arranged(of_y, order)
    through_padding: Carry = ()
    if padded.output == "computed":
        through_padding = cell.gradient(x, *carry, *weights, (of_y, *(0.0 * g for g in of_finals)))
        of_y = 0.0 * of_y
    carries = _masked_carries(cell, x, counts, carry, weights, padded.output)
    gradient = functools.partial(_masked_gradient, cell=cell, weights=weights, output=padded.output)
    into = (of_y, 0.0 * of_finals[0], *of_finals)
    by_step, (_, *before), by_weights = back_through_time(gradient, _by_step(x, counts), carries, into)
    gradients = (np.stack(by_step, axis=1), *before, *by_weights)
    if through_padding:
        gradients = tuple(a + b for a, b in zip(gradients, through_padding, strict=True))
    return _arranged(gradients[0], order), *gradients[1:]


def padding(lengths: Array | None, mask: Array | None, output: str) -> Padded | None:
    """Which steps count, forward; None where neither lengths nor a mask are given, so that all do."""
    return None if lengths is None and mask is None else Padded(lengths, mask, output)


def over_padding(cell: Cell, padded: Padded | None) -> Cell:
    """The layer over padded sequences, as a layer of the same inputs; where there are none, the layer."""
    if padded is None:
        return cell

    def layer(x: Array, *given: Array) -> Carry:
        return masked(cell, x, *cell.parted(given), padded)

    def gradient(x: Array, *given: Any) -> Carry:
        *arrays, cotangents = given
        return masked_vjp(cell, x, *cell.parted(tuple(arrays)), padded, cotangents)

    return dataclasses.replace(cell, layer=layer, gradient=gradient)


def _arranged(sequence: Array, order: Array | None) -> Array:
    if order is None:
        return sequence
    return np.take_along_axis(sequence, order[..., None] if sequence.ndim == 3 else order, axis=1)


def _last(x: Array) -> Array:
    """Which step is the last of all, ``(time, 1)``."""
    return (np.arange(x.shape[1]) == x.shape[1] - 1)[:, None]


def _by_step(x: Array, counts: Array) -> list[Any]:
    return list(zip(steps_of(x), steps_of(counts[..., None]), strict=True))


def _masked_carries(
    cell: Cell, x: Array, counts: Array, carry: Carry, weights: Carry, output: str
) -> list[Carry]:
    """Output and states before the first step and after each."""
    step = functools.partial(_masked_step, cell=cell, weights=weights, output=output)
    return carries_of(step, _by_step(x, counts), (np.zeros_like(carry[0]), *carry))


def _masked_step(given: tuple[Array, Array], carry: Carry, cell: Cell, weights: Carry, output: str) -> Carry:
    (x, counts), (y, *before) = given, carry
    _, *after = cell.layer(x[:, None], *before, *weights)
    past = {"repeat": y, "state": before[0]}.get(output, 0.0)
    return (
        np.where(counts, after[0], past),
        *(np.where(counts, new, old) for new, old in zip(after, before, strict=True)),
    )


def _masked_gradient(
    given: tuple[Array, Array], carry: Carry, into: Carry, cell: Cell, weights: Carry, output: str
) -> tuple[Array, Carry, Carry]:
    (x, counts), (_, *states), (of_y, *of_states) = given, carry, into
    taken = [np.where(counts, g, 0.0) for g in (of_y + of_states[0], *of_states[1:])]
    gradients = cell.gradient(x[:, None], *states, *weights, (0.0 * taken[0][:, None], *taken))
    dx, through, of_weights = cell.split(gradients)
    past = np.where(counts, 0.0, of_y)
    before = [d + np.where(counts, 0.0, g) for d, g in zip(through, of_states, strict=True)]
    if output == "state":
        before[0] = before[0] + past
    return dx[:, 0], (past if output == "repeat" else 0.0 * past, *before), of_weights


# --- both directions ---


def bidirectional(
    cell: Cell,
    x: Array,
    carry: Carry,
    weights: Carry,
    lengths: Array | None,
    mask: Array | None,
    *,
    merge: str | None,
    returns: str,
    masked_output: str,
) -> Carry:
    """The two merged, and the carries in which they ended, the forward one first."""
    require(merge in _MERGES, f"merge must be one of {', '.join(map(str, _MERGES))}; got {merge!r}")
    known = ("sequence", "ends", "last_step")
    require(returns in known, f"returns must be one of {', '.join(known)}; got {returns!r}")
    _check_parts(cell, cell.named(carry, weights), 2, "2", "one part for each direction")
    both = _each_way(x, carry, weights, lengths, mask, masked_output)
    streams, *finals = zip(*(masked(cell, *given) for given in both), strict=True)
    merged = _MERGES[merge][0]
    y = merged(*finals[0]) if returns == "ends" else merged(*streams)
    return (y[..., -1, :] if returns == "last_step" else y), *map(np.stack, finals)


def bidirectional_vjp(
    cell: Cell,
    x: Array,
    carry: Carry,
    weights: Carry,
    lengths: Array | None,
    mask: Array | None,
    cotangents: Carry,
    *,
    merge: str | None,
    returns: str,
    masked_output: str,
) -> Carry:
    """Gradient of `bidirectional`: those of the two, whose gradients with respect to x add up."""
    of_y, *of_finals = cotangents
    both = list(_each_way(x, carry, weights, lengths, mask, masked_output))
    if returns == "last_step":
        of_y = np.where(_last(x), of_y[..., None, :], 0.0)
    parts = _MERGES[merge][1](of_y, lambda n: masked(cell, *both[n])[1 if returns == "ends" else 0])
    gradients = []
    for n, (part, given) in enumerate(zip(parts, both, strict=True)):
        of_stream, of_last = part, [of_final[n] for of_final in of_finals]
        if returns == "ends":
            of_stream, of_last[0] = np.zeros((*x.shape[:2], part.shape[-1])), of_last[0] + part
        gradients.append(masked_vjp(cell, *given, (of_stream, *of_last)))
    (dx, *forward), (dx_back, *backward) = gradients
    return dx + dx_back, *(np.stack(pair) for pair in zip(forward, backward, strict=True))


def _each_way(
    x: Array, carry: Carry, weights: Carry, lengths: Array | None, mask: Array | None, masked_output: str
) -> Iterator[tuple[Array, Carry, Carry, Padded]]:
    """What the two are given."""
    if lengths is None and mask is None:
        lengths = np.full(x.shape[0], x.shape[1])
    for n, direction in enumerate(("forward", "backward")):
        padded = Padded(lengths, mask, masked_output, direction, "valid" if mask is None else "whole")
        yield x, _part(carry, n), _part(weights, n), padded


def _part(arrays: Carry, n: int) -> Carry:
    return tuple(array[n] for array in arrays)


def _check_parts(cell: Cell, arrays: dict[str, Array], number: int, parts: str, meaning: str) -> None:
    """Raise unless each array has so many ``parts`` along an axis before its own."""
    times = f"{cell.gates} " if cell.gates > 1 else ""
    own = {
        "kernel": f"features, {times}units",
        "recurrent_kernel": f"units, {times}units",
        "bias": f"{times}units",
        "recurrent_bias": "units",
    }
    for name, array in arrays.items():
        axes = f"{parts}, {own.get(name, 'batch, units')}"
        require_rank(name, array, 1 + axes.count(","), axes)
        require(len(array) == number, f"{name} must have {meaning}; got shape {array.shape}")


_MERGES: dict[str | None, Any] = {
    "concat": (
        lambda f, b: np.concatenate((f, b), axis=-1),
        lambda g, merged: np.split(g, 2, axis=-1),
    ),
    "sum": (lambda f, b: f + b, lambda g, merged: (g, g)),
    "mul": (lambda f, b: f * b, lambda g, merged: (g * merged(1), g * merged(0))),
    "ave": (lambda f, b: (f + b) / 2, lambda g, merged: (g / 2, g / 2)),
    None: (lambda f, b: np.stack((f, b)), lambda g, merged: (g[0], g[1])),
}
"""Ways to merge, and the gradient of each, of which only a product asks what was merged."""


# --- in layers ---


def stacked(
    cell: Cell,
    x: Array,
    carry: Carry,
    kernel: Array,
    upper_kernels: Array,
    others: Carry,
    drop: Drop | None = None,
    padded: Padded | None = None,
) -> Carry:
    """The outputs of the uppermost layer, and the final carry of each.

    ``others`` are the other weights; ``drop`` acts on the outputs of each layer but the uppermost. Where
    sequences are ``padded``, every layer steps over what does not count.
    """
    cell = over_padding(cell, padded)
    times = f"{cell.gates} " if cell.gates > 1 else ""
    require_rank("upper_kernels", upper_kernels, 3, f"layers - 1, units, {times}units")
    layers = len(upper_kernels) + 1
    arrays = {name: array for name, array in cell.named(carry, (kernel, *others)).items() if name != "kernel"}
    _check_parts(cell, arrays, layers, "layers", f"{layers} layers")
    *_, (sequence, *_) = returned = _layers(cell, x, carry, (kernel, *upper_kernels), others, drop)[1]
    return sequence, *(np.stack(states) for states in zip(*(finals for _, *finals in returned), strict=True))


def stacked_vjp(
    cell: Cell,
    x: Array,
    carry: Carry,
    kernel: Array,
    upper_kernels: Array,
    others: Carry,
    cotangents: Carry,
    drop: Drop | None = None,
    padded: Padded | None = None,
) -> Carry:
    """Gradient of `stacked`: what a layer gives for its input is the cotangent of the one below."""
    cell = over_padding(cell, padded)
    into, *of_finals = cotangents
    kernels = (kernel, *upper_kernels)
    inputs, _ = _layers(cell, x, carry, kernels, others, drop)
    by_layer = []
    for n in reversed(range(len(kernels))):
        weights = (kernels[n], *_part(others, n))
        of_layer = (into, *(of_final[n] for of_final in of_finals))
        into, *gradients = cell.gradient(inputs[n], *_part(carry, n), *weights, of_layer)
        by_layer.append(gradients)
        into = into if drop is None or n == 0 else drop(n - 1, into)
    of_each = list(zip(*by_layer[::-1], strict=True))
    of_carry, ((of_kernel, *of_upper), *of_others) = of_each[: len(carry)], of_each[len(carry) :]
    return into, *map(np.stack, of_carry), of_kernel, *map(np.stack, (of_upper, *of_others))


def _layers(
    cell: Cell, x: Array, carry: Carry, kernels: Sequence[Array], others: Carry, drop: Drop | None
) -> tuple[list[Array], list[Carry]]:
    """Input of each layer, and what it returns."""
    inputs, returned = [x], []
    for n, kernel in enumerate(kernels):
        returned.append(cell.layer(inputs[-1], *_part(carry, n), kernel, *_part(others, n)))
        sequence, *_ = returned[-1]
        inputs.append(sequence if drop is None or n == len(kernels) - 1 else drop(n, sequence))
    return inputs, returned


# --- from call to call ---


def stateful(
    cell: Cell, x: Array, other: Array | None, later: Array, weights: Carry, *, between: str, kept_by: str
) -> Carry:
    """The outputs of the first call and of the last, and the final carry."""
    known = ("nothing", "predict", "reset")
    require(between in known, f"between must be one of {', '.join(known)}; got {between!r}")
    require(kept_by in ("layer", "caller"), f"kept_by must be 'layer' or 'caller'; got {kept_by!r}")
    require(
        (other is not None) == (between == "predict"), "other must be given where it is predicted, or None"
    )
    times = f"{cell.gates} " if cell.gates > 1 else ""
    require_rank("recurrent_kernel", weights[1], 2, f"units, {times}units")
    rest = _rest(cell, x, weights)
    y, *carry = cell.layer(x, *rest, *weights)
    if other is not None and kept_by == "layer":
        _, *carry = cell.layer(other, *carry, *weights)
    return y, *cell.layer(later, *(rest if between == "reset" else carry), *weights)


def stateful_vjp(
    cell: Cell,
    x: Array,
    other: Array | None,
    later: Array,
    weights: Carry,
    cotangents: Carry,
    *,
    between: str,
    kept_by: str,
) -> tuple[Array | None, ...]:
    """Gradient of `stateful`: through the calls in reverse, as far as the carry was handed on."""
    rest = _rest(cell, x, weights)
    of_y, *of_last = cotangents
    calls = [(x, of_y)]
    advances = other is not None and kept_by == "layer"
    if advances:
        calls.append((other, np.zeros((*other.shape[:2], rest[0].shape[1]))))  # type: ignore[union-attr]
    carries = [rest]
    for given, _ in calls:
        carries.append(cell.layer(given, *carries[-1], *weights)[1:])
    carry = rest if between == "reset" else carries[-1]
    of_later, into, of_weights = cell.split(cell.gradient(later, *carry, *weights, tuple(of_last)))
    if between == "reset":
        into = tuple(0.0 * g for g in into)
    totals, of_inputs = [of_weights], []
    for (given, of_sequence), before in reversed(list(zip(calls, carries, strict=False))):
        gradients = cell.gradient(given, *before, *weights, (of_sequence, *into))
        of_given, into, of_weights = cell.split(gradients)
        of_inputs.append(of_given)
        totals.append(of_weights)
    of_x, *between_calls = of_inputs[::-1]
    of_other = None if other is None else (between_calls[0] if advances else 0.0 * other)
    return of_x, of_other, of_later, *(total(parts[::-1]) for parts in zip(*totals, strict=True))


def _rest(cell: Cell, x: Array, weights: Carry) -> Carry:
    """The carry of zeros."""
    return (np.zeros((x.shape[0], weights[1].shape[0])),) * len(cell.carry)
