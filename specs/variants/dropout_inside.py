"""Faults of dropout inside recurrent layers and attention."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from scipy.special import expit

from ..language.variant import Control, Fault
from .dropout import RANDOM, opposite, shared_along
from .lstm_variants import layer_norm_lstm_by
from .recurrent import lstm_by

Array = Any


def renormalized(query: Array, key: Array, value: Array, mask: Array) -> Array:
    """Attention that masks before the softmax."""
    products = np.einsum("bqhd,bkhd->bhqk", query, key) / math.sqrt(query.shape[-1])
    weights = np.where(mask, np.exp(products), 0.0)
    return np.einsum("bhqk,bkhv->bqhv", weights / np.maximum(weights.sum(-1, keepdims=True), 1e-9), value)


def turning(given: Array, time: int) -> Array:
    """A mask of one step, turned by one place for each further step."""
    return np.concatenate([np.roll(given, t, axis=0) for t in range(time)], axis=1)


def layer_norm_lstm_by_factors(
    *inputs: Array,
    rate: float,
    training: bool,
    carried: str,
    epsilon: float,
    scaled: bool = True,
    scaling: str = "update",
) -> tuple[Array, ...]:
    """Gates one by one, with factors 0 and ``1 / (1 - rate)`` of candidates, of their sums or of the cell."""
    x, h, c, kernel, recurrent_kernel, bias, scale, cell_scale, cell_bias, mask = inputs
    factors = None
    if mask is not None and training and rate > 0:
        kept = np.broadcast_to(mask, (*x.shape[:2], h.shape[-1]))
        factors = np.where(kept, 1 / (1 - rate) if scaled else 1.0, 0.0)
    return layer_norm_lstm_by(
        x, h, c, kernel, recurrent_kernel, bias, scale, None, cell_scale, cell_bias,
        carried=carried, epsilon=epsilon, factors=factors, scaling=scaling,
    )  # fmt: skip


def gru_by_factors(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None,
    input_mask: Array | None,
    recurrent_mask: Array | None,
    *,
    rate: float,
    recurrent_rate: float,
    reset_after: bool,
    training: bool,
    drops_state: bool = False,
    drops_candidate: bool = True,
    scaled: bool = True,
    other_side: bool = False,
    order: tuple[int, ...] = (0, 1, 2),
) -> tuple[Array, ...]:
    """Gate by gate, with factors 0 and ``1 / (1 - rate)``; the state by ``n + z (hₜ₋₁ - n)``."""
    units = h.shape[-1]

    def factors(mask: Array | None, rate: float, width: int, kept: float) -> Array:
        shape = (*x.shape[:2], 3, width)
        if mask is None or not training or rate == 0:
            return np.ones(shape)
        return np.where(np.broadcast_to(mask, shape), kept, 0.0)

    of_inputs = factors(input_mask, rate, x.shape[-1], 1 / (1 - rate))
    of_states = factors(recurrent_mask, recurrent_rate, units, 1 / (1 - recurrent_rate) if scaled else 1.0)
    states = [h]
    for t in range(x.shape[1]):
        before = states[-1]
        seen = [before * of_states[:, t, gate] for gate in order]
        seen = seen if drops_candidate else [*seen[:2], before]
        u = [recurrent_kernel[:, gate * units : (gate + 1) * units] for gate in range(3)]
        r, z, n = (
            np.matmul(x[:, t] * of_inputs[:, t, gate], kernel[:, gate * units : (gate + 1) * units])
            + bias[gate * units : (gate + 1) * units]
            for gate in range(3)
        )
        r, z = expit(r + np.matmul(seen[0], u[0])), expit(z + np.matmul(seen[1], u[1]))
        if reset_after != other_side:
            inside = 0.0 if recurrent_bias is None else recurrent_bias
            product = r * (np.matmul(seen[2], u[2]) + inside)
        else:
            product = np.matmul(r * seen[2], u[2])
        n = np.tanh(n + product)
        states.append(n + z * ((seen[1] if drops_state else before) - n))
    return np.stack(states[1:], axis=1), states[-1]


def simple_rnn_by_factors(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    input_mask: Array | None,
    recurrent_mask: Array | None,
    *,
    rate: float,
    recurrent_rate: float,
    training: bool,
) -> tuple[Array, ...]:
    """Both products in one, of what has been multiplied by 0 or ``1 / (1 - rate)``."""

    def dropped(values: Array, mask: Array | None, rate: float, t: int) -> Array:
        if mask is None or not training or rate == 0:
            return values
        kept = mask[:, t if mask.shape[1] > 1 else 0]
        return values * np.where(np.broadcast_to(kept, values.shape), 1 / (1 - rate), 0.0)

    kernels, states = np.concatenate((kernel, recurrent_kernel), axis=0), [h]
    for t in range(x.shape[1]):
        step = dropped(x[:, t], input_mask, rate, t)
        state = dropped(states[-1], recurrent_mask, recurrent_rate, t)
        states.append(np.tanh(np.matmul(np.concatenate((step, state), axis=-1), kernels) + bias))
    return np.stack(states[1:], axis=1), states[-1]


def stacked_lstm_by_factors(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    mask: Array | None,
    *,
    rate: float,
    training: bool,
) -> tuple[Array, ...]:
    """Layers of one product each, and between them a product with 0 or ``1 / (1 - rate)``."""
    sequence, carries = x, []
    for n, of_layer in enumerate((kernel, *upper_kernels)):
        if n > 0 and mask is not None and training and rate > 0:
            kept = np.broadcast_to(mask[:, n - 1], sequence.shape)
            sequence = sequence * np.where(kept, 1 / (1 - rate), 0.0)
        sequence, *carry = lstm_by(sequence, h[n], c[n], of_layer, recurrent_kernel[n], bias[n])
        carries.append(carry)
    final_h, final_c = zip(*carries, strict=True)
    return sequence, np.stack(final_h), np.stack(final_c)


OF_GATES = (
    Fault(
        name="gates share the mask of inputs",
        inputs={"input_mask": shared_along(2)},
        spoils="both",
        where="training and rate > 0 and over_gates == 'own'",
    ),
    Fault(
        name="gates share the mask of hidden states",
        inputs={"recurrent_mask": shared_along(2)},
        spoils="both",
        where="training and recurrent_rate > 0 and over_gates == 'own'",
    ),
)
"""What can be wrong with masks of the products of gates."""

OF_PRODUCTS = (
    Fault(
        name="steps share the mask of hidden states",
        inputs={"recurrent_mask": shared_along(1)},
        spoils="both",
        where="training and recurrent_rate > 0 and over_time == 'step'",
    ),
    Fault(
        name="a new mask for each step",
        inputs={"input_mask": turning},
        spoils="both",
        where="training and rate > 0 and over_time == 'sequence'",
    ),
    Fault(
        name="sequences share the mask of hidden states",
        inputs={"recurrent_mask": shared_along(0)},
        spoils="both",
        where="training and recurrent_rate > 0 and batch > 1",
    ),
    Fault(name="rates exchanged", parameters={"rate": "recurrent_rate", "recurrent_rate": "rate"}),
    Fault(
        name="gradient through another mask of hidden states",
        inputs={"recurrent_mask": opposite},
        spoils="gradients",
        where="training and recurrent_rate > 0",
    ),
    Fault(
        name="dropped at inference",
        results={"sequence": lambda result, rate: result * (1 - rate)},
        where="not training",
    ),
)
"""What can be wrong with masks of products."""

OF_UPDATE_MASK = (
    Fault(
        name="a new mask for each step",
        inputs={"update_mask": turning},
        spoils="both",
        where=f"{RANDOM} and over_time == 'sequence'",
    ),
    Fault(
        name="steps share their mask",
        inputs={"update_mask": shared_along(1)},
        spoils="both",
        where=f"{RANDOM} and over_time == 'step'",
    ),
    Fault(
        name="sequences share their mask",
        inputs={"update_mask": shared_along(0)},
        spoils="both",
        where=f"{RANDOM} and batch > 1",
    ),
    Fault(
        name="gradient through another mask",
        inputs={"update_mask": opposite},
        spoils="gradients",
        where=RANDOM,
    ),
)

FAULTS = {
    "lstm_dropout": (
        *OF_GATES,
        *OF_PRODUCTS,
    ),
    "lstm_update_dropout": (
        *OF_UPDATE_MASK,
        Fault(name="not scaled", results={"final_c": lambda result, rate: result * (1 - rate)}),
    ),
    "gru_dropout": (
        *OF_GATES,
        *OF_PRODUCTS,
        *(
            Fault(
                name=name,
                reference=functools.partial(gru_by_factors, **wrong),
                where=f"training and recurrent_rate > 0{where}",
            )
            for name, wrong, where in (
                ("what is kept of the old state dropped too", {"drops_state": True}, ""),
                ("the candidate's state not dropped", {"drops_candidate": False}, ""),
                ("states not scaled", {"scaled": False}, ""),
                ("reset on the other side of the product", {"other_side": True}, ""),
                (
                    "the reset gate sees the update gate's mask",
                    {"order": (1, 1, 2)},
                    " and over_gates == 'own'",
                ),
            )
        ),
    ),
    "simple_rnn_dropout": OF_PRODUCTS,
    "layer_norm_lstm_update_dropout": (
        *OF_UPDATE_MASK,
        Fault(
            name="the cell dropped in the place of its update",
            reference=functools.partial(layer_norm_lstm_by_factors, scaling="cell"),
            where=RANDOM,
        ),
        Fault(
            name="dropped before the tanh",
            reference=functools.partial(layer_norm_lstm_by_factors, scaling="sum"),
            where=RANDOM,
        ),
        Fault(
            name="not scaled",
            reference=functools.partial(layer_norm_lstm_by_factors, scaled=False),
            where=RANDOM,
        ),
        Fault(
            name="what is given out dropped too",
            results={
                "sequence": lambda result, update_mask, rate: np.where(update_mask, result / (1 - rate), 0.0)
            },
            where=RANDOM,
        ),
    ),
    "lstm_dropout_wrapper": (
        Fault(
            name="what is given out is what is carried on",
            results={"final_h": lambda output_mask, result, rate: result * output_mask[:, -1] / (1 - rate)},
            where="training and place == 'output'",
        ),
        Fault(
            name="the dropped state is given out",
            results={"sequence": lambda result, state_mask, rate: result * state_mask / (1 - rate)},
            where="training and 'state' in place",
        ),
        Fault(
            name="cell state dropped too",
            results={"final_c": lambda result, state_mask, rate: result * state_mask[:, -1] / (1 - rate)},
            where="training and place == 'state'",
        ),
        Fault(
            name="a new mask for each step",
            inputs={"input_mask": turning},
            spoils="both",
            where="training and place == 'input' and over_time == 'sequence'",
        ),
        Fault(
            name="steps share their mask",
            inputs={"output_mask": shared_along(1)},
            spoils="both",
            where="training and place == 'output' and over_time == 'step'",
        ),
        Fault(
            name="the batch shares its masks",
            inputs={"state_mask": shared_along(0)},
            spoils="both",
            where="training and 'state' in place and over_batch == 'own' and batch > 1",
        ),
        Fault(
            name="gradient of another mask",
            inputs={"output_mask": opposite},
            spoils="gradients",
            where="training and place == 'output'",
        ),
    ),
    "stacked_lstm_dropout": (
        Fault(
            name="what the last layer gives out dropped too",
            results={"y": lambda result, mask, rate: np.where(mask[:, 0], result / (1 - rate), 0.0)},
            where=RANDOM,
        ),
        Fault(
            name="carry of the lower layer dropped",
            results={
                "final_h": lambda result, mask, rate: np.stack(
                    (np.where(mask[:, 0, -1], result[0] / (1 - rate), 0.0), result[1])
                )
            },
            where=RANDOM,
        ),
        Fault(
            name="not scaled",
            inputs={"upper_kernels": lambda given, rate: given * (1 - rate)},
            spoils="both",
            where=RANDOM,
        ),
        Fault(
            name="a new mask for each step",
            inputs={
                "mask": lambda given, time: np.concatenate(
                    [np.roll(given, t, axis=0) for t in range(time)], axis=2
                )
            },
            spoils="both",
            where=f"{RANDOM} and over_time == 'sequence'",
        ),
        Fault(
            name="steps share their mask",
            inputs={"mask": shared_along(2)},
            spoils="both",
            where=f"{RANDOM} and over_time == 'step'",
        ),
        Fault(
            name="sequences share their mask",
            inputs={"mask": shared_along(0)},
            spoils="both",
            where=f"{RANDOM} and batch > 1",
        ),
        Fault(
            name="gradient through another mask", inputs={"mask": opposite}, spoils="gradients", where=RANDOM
        ),
        Fault(
            name="dropped at inference",
            inputs={"upper_kernels": lambda given, rate: given * (1 - rate)},
            where="not training",
        ),
    ),
    "attention_dropout": (
        Fault(name="weights not scaled", results={"y": lambda result, rate: result * (1 - rate)}),
        Fault(
            name="what is left sums to one",
            results={"y": lambda query, key, value, mask: renormalized(query, key, value, mask)},
            where=RANDOM,
        ),
        Fault(
            name="heads share a mask",
            inputs={"mask": shared_along(1)},
            spoils="both",
            where=f"{RANDOM} and shared == 'none' and heads > 1",
        ),
        Fault(
            name="samples share a mask",
            inputs={"mask": shared_along(0)},
            spoils="both",
            where=f"{RANDOM} and shared == 'none' and batch > 1",
        ),
        Fault(
            name="queries share a mask",
            inputs={"mask": shared_along(2)},
            spoils="both",
            where=f"{RANDOM} and queries > 1",
        ),
        Fault(
            name="a mask for each sample where all share one",
            inputs={"mask": lambda mask, batch: np.concatenate([np.roll(mask, n, 3) for n in range(batch)])},
            spoils="both",
            where=f"{RANDOM} and shared != 'none' and batch > 1 and keys > 1",
        ),
        Fault(
            name="gradient through another mask",
            inputs={"mask": opposite},
            spoils="gradients",
            where=RANDOM,
        ),
        Fault(name="dropped at inference", results={"y": lambda result: result * 0.7}, where="not training"),
    ),
}

CONTROLS = {
    "gru_dropout": (Control(name="gate by gate, times factors", reference=gru_by_factors),),
    "simple_rnn_dropout": (
        Control(name="both products in one, times factors", reference=simple_rnn_by_factors),
    ),
    "stacked_lstm_dropout": (
        Control(name="layers of one product, times factors", reference=stacked_lstm_by_factors),
    ),
    "layer_norm_lstm_update_dropout": (
        Control(name="gate by gate, times factors", reference=layer_norm_lstm_by_factors),
    ),
}
