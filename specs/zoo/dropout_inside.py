"""Faults of dropout inside recurrent layers and attention."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..variant import Control, Fault, each_way
from .dropout import RANDOM, opposite, shared_along
from .lstm_variants import layer_norm_lstm_by

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
            name="hidden states not dropped",
            parameters={"recurrent_rate": "0.0"},
            spoils="both",
            where="training and recurrent_rate > 0",
        ),
        Fault(
            name="inputs not dropped",
            parameters={"rate": "0.0"},
            spoils="both",
            where="training and rate > 0",
        ),
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
    ),
    "lstm_update_dropout": (
        Fault(
            name="the cell dropped in the place of its update",
            parameters={"dropping": "'cell'"},
            spoils="both",
            where="training and dropping == 'update' and rate > 0",
        ),
        Fault(
            name="the update dropped in the place of the cell",
            parameters={"dropping": "'update'"},
            spoils="both",
            where="training and dropping == 'cell' and rate > 0",
        ),
        *OF_UPDATE_MASK,
        Fault(name="not scaled", results={"final_c": lambda result, rate: result * (1 - rate)}),
    ),
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
        *each_way(
            Fault(
                name="carries the other cell state",
                parameters={"carried": "'cell' if carried == 'normalized' else 'normalized'"},
            )
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
            name="scaled by 1 / rate",
            results={"sequence": lambda result, rate: result * (1 - rate) / rate},
            where="training and place == 'output'",
        ),
        Fault(
            name="gradient of another mask",
            inputs={"output_mask": opposite},
            spoils="gradients",
            where="training and place == 'output'",
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
    "layer_norm_lstm_update_dropout": (
        Control(name="gate by gate, times factors", reference=layer_norm_lstm_by_factors),
    ),
}
