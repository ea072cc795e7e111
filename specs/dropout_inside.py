"""Specs of dropout inside recurrent layers and attention, where probes show the masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..numerics.dtypes import widen
from ..reference import dropout_inside as reference
from .dropout import (
    ONE_RATE_AT_INFERENCE,
    TRAINING,
    mask,
    one_of_each,
)
from .language.spec import Input, Parameter, Source, Spec
from .lstm_variants import (
    BIAS,
    FOR_HALF,
    HALF_DATA,
    HALF_SIZES,
    KERNEL,
    RECURRENT_KERNEL,
    layer_norm_lstm,
)
from .recurrent import C, H, X, gru

Names = Mapping[str, Any]
Answers = Sequence[tuple[Any, ...]]

OPEN = 12.0
"""What a gate must be given to be as good as open, and its opposite to be closed."""

SEEN = {
    # biases of the gates i, f, g, o; gain that opens the gate; what the hidden state lies above if it is open
    "i": ((0.0, -OPEN, OPEN, OPEN), OPEN, 0.6),
    "f": ((OPEN, -OPEN, 0.25, OPEN), 2 * OPEN, 0.35),
    "g": ((OPEN, -OPEN, 0.25, OPEN), OPEN, 0.5),
    "o": ((OPEN, -OPEN, OPEN, 0.0), OPEN, 0.57),
}
"""How the mask of one gate shows in the hidden state, which is well above 0 whatever is dropped.

With i, the others open and f closed, ``h = tanh(i)`` is tanh(1/2) or tanh(1); with g, tanh(tanh(1/4)) or
tanh(1); with o, tanh(1) or half of it. With f, ``c = f c + 1/4`` is about 1/4 where f closes, and else not.
"""

LOWEST = 0.23
"""No hidden state of such a probe is lower."""


def probe_gate(names: Names, place: str, gate: str) -> dict[str, Any]:
    """Inputs that show the mask on what a gate reads, from the ``input`` or the ``recurrent`` side.

    Each feature or unit opens the gate of the unit of its own number, if it is kept.
    """
    biases, gain, _ = SEEN[gate]
    units, features = names["units"], names["features"]
    kernels = {"input": np.zeros((features, 4, units)), "recurrent": np.zeros((units, 4, units))}
    kernels[place][:, "ifgo".index(gate)] = np.eye(len(kernels[place]), units) * gain
    return {
        "x": np.ones_like(names["x"]),
        "h": np.ones_like(names["h"]),
        "c": np.full_like(names["c"], 0.25),
        "kernel": kernels["input"].reshape(features, 4 * units),
        "recurrent_kernel": kernels["recurrent"].reshape(units, 4 * units) / LOWEST,
        "bias": np.repeat(biases, units),
    }


def gates_to_probe(names: Names, every: str = "ifgo", one: str = "i") -> list[tuple[str, str]]:
    """The masks that a case has, by place and gate; of masks that gates share, that of one."""
    gates = every if names["over_gates"] == "own" else one
    return [(place, gate) for place in places_of(names) for gate in gates]


def places_of(names: Names) -> list[str]:
    """Where there are masks: on the ``input`` side of the products, on the ``recurrent`` side, or on both."""
    rates = {"input": names["rate"], "recurrent": names["recurrent_rate"]}
    return [place for place, rate in rates.items() if rate]


def probe_products(names: Names) -> list[dict[str, Any]]:
    """One probe for each mask and gate."""
    return [probe_gate(names, place, gate) for place, gate in gates_to_probe(names)]


def read_masks_of_products(names: Names, answers: Answers) -> dict[str, Any]:
    """The masks of inputs and hidden states, ``(batch, time, gates, …)``."""
    read: dict[str, list[Any]] = {}
    for (place, gate), answer in zip(gates_to_probe(names), answers, strict=True):
        width = names["features"] if place == "input" else names["units"]
        read.setdefault(f"{place}_mask", []).append(widen(answer[0])[..., :width] > SEEN[gate][2])
    return {name: one_of_each(np.stack(gates, axis=2), names[name].shape) for name, gates in read.items()}


LSTM_INPUTS = (X, H, C, KERNEL, RECURRENT_KERNEL, BIAS)

OVER_TIME = Parameter(
    "over_time", ("sequence", "step"), "whether all steps share a mask, or each has its own", facet=True
)
OVER_GATES = Parameter("over_gates", ("own", "shared"), "whether each gate has its own mask", facet=True)
RATE = Parameter("rate", (0.3, 0.0), "probability that a feature of the input is dropped")
RECURRENT_RATE = Parameter(
    "recurrent_rate", (0.4, 0.0), "probability that a unit of the hidden state is dropped"
)
DROPS_INPUT, DROPS_STATE = "training and rate > 0", "training and recurrent_rate > 0"
SOMETHING_DROPS = (
    "rate == 0 and recurrent_rate == 0",
    "not training and (rate == 0 or recurrent_rate == 0)",
)
# Units are no fewer than features, so that each feature can be read off a unit of its own.
LSTM_SIZES = ((33, 2, 3, 5), (1, 1, 1, 1), (17, 4, 6, 7))
LSTM_DATA = ("normal",)

SEMENIUTA = Source("Semeniuta, Severyn and Barth (2016)", "https://arxiv.org/abs/1603.05118")
GAL = Source("Gal and Ghahramani (2016)", "https://arxiv.org/abs/1512.05287")

OF_PRODUCTS = "batch, time if over_time == 'step' else 1, 4 if over_gates == 'own' else 1"

lstm_dropout = Spec(
    reference=reference.lstm_dropout,
    inputs=(
        *LSTM_INPUTS,
        mask(f"{OF_PRODUCTS}, features", "input_mask", when=DROPS_INPUT),
        mask(f"{OF_PRODUCTS}, units", "recurrent_mask", "1 - recurrent_rate", when=DROPS_STATE),
    ),
    outputs=("sequence", "final_h", "final_c"),
    probe=probe_products,
    recover=read_masks_of_products,
    parameters=(
        RATE,
        RECURRENT_RATE,
        OVER_TIME,
        OVER_GATES,
        TRAINING,
    ),
    sizes=LSTM_SIZES,
    data=LSTM_DATA,
    excluded=(*SOMETHING_DROPS, "not training and (over_time == 'step' or over_gates == 'shared')"),
    sources=(GAL,),
)


# --- in the products of other layers ---

NOT_NONE, HALF_WAY = 0.25, 0.6
"""A unit gives tanh(1/4) where what it reads is dropped, and 1 where it is kept."""


def probe_products_of_rnn(names: Names) -> list[dict[str, Any]]:
    """Each feature or unit drives the unit of its own number."""
    units, features = names["units"], names["features"]
    none = {"kernel": np.zeros((features, units)), "recurrent_kernel": np.zeros((units, units))}
    seen = {
        "input": {"kernel": OPEN * np.eye(features, units)},
        "recurrent": {"recurrent_kernel": OPEN / LOWEST * np.eye(units)},
    }
    given = {"x": np.ones_like(names["x"]), "h": np.ones_like(names["h"]), "bias": np.full(units, NOT_NONE)}
    return [given | none | seen[place] for place in places_of(names)]


def read_masks_of_rnn(names: Names, answers: Answers) -> dict[str, Any]:
    """The masks of inputs and hidden states, ``(batch, time, …)``."""
    read = {}
    for place, answer in zip(places_of(names), answers, strict=True):
        width = names["features"] if place == "input" else names["units"]
        read[f"{place}_mask"] = widen(answer[0])[..., :width] > HALF_WAY
    return {name: one_of_each(kept, names[name].shape) for name, kept in read.items()}


OVER_STEPS = "batch, time if over_time == 'step' else 1"

simple_rnn_dropout = Spec(
    reference=reference.simple_rnn_dropout,
    inputs=(
        X,
        H,
        Input("kernel", "features, units", kind="weight"),
        Input("recurrent_kernel", "units, units", kind="weight"),
        Input("bias", "units", kind="weight"),
        mask(f"{OVER_STEPS}, features", "input_mask", when=DROPS_INPUT),
        mask(f"{OVER_STEPS}, units", "recurrent_mask", "1 - recurrent_rate", when=DROPS_STATE),
    ),
    outputs=("sequence", "final_h"),
    probe=probe_products_of_rnn,
    recover=read_masks_of_rnn,
    parameters=(RATE, RECURRENT_RATE, OVER_TIME, TRAINING),
    sizes=LSTM_SIZES,
    data=LSTM_DATA,
    excluded=(*SOMETHING_DROPS, "not training and over_time == 'step'"),
    sources=(GAL,),
)

GRU_SEEN = {
    # biases of the gates r, z, n; gain of what opens the gate; the least that a state is
    "r": ((-OPEN, -OPEN, NOT_NONE), 2 * OPEN, LOWEST),
    "z": ((0.0, 0.0, 0.0), OPEN, 0.05),
    "n": ((OPEN, -OPEN, NOT_NONE), OPEN, LOWEST),
}
"""How the mask of one gate of a GRU shows in the hidden state.

With n, ``h = n`` is tanh(1/4) or 1; with r the same, for what it lets through is large: the recurrent bias,
or where the reset comes first the state. With z, ``h = z hₜ₋₁`` has halved or not.
"""


def gru_gates_to_probe(names: Names) -> list[tuple[str, str, int | None]]:
    """The masks that a case has, by place and gate; and by element, where each is seen by itself.

    Where the reset comes before the product, it shows in those units alone that the candidate's mask keeps.
    Each element of the mask then opens it for all units; where none is left, it acts on nothing.
    """
    found: list[tuple[str, str, int | None]] = []
    for place, gate in gates_to_probe(names, "rzn", "n"):
        width = names["features"] if place == "input" else names["units"]
        alone = gate == "r" and not names["reset_after"]
        found += [(place, gate, number) for number in (range(width) if alone else (None,))]
    return found


def probe_products_of_gru(names: Names) -> list[dict[str, Any]]:
    """One probe for each mask and gate, or element."""
    return [_probe_gru(names, *one) for one in gru_gates_to_probe(names)]


def _probe_gru(names: Names, place: str, gate: str, number: int | None) -> dict[str, Any]:
    biases, gain, least = GRU_SEEN[gate]
    units, features = names["units"], names["features"]
    kernels = {"input": np.zeros((features, 3, units)), "recurrent": np.zeros((units, 3, units))}
    length = len(kernels[place])
    opens = np.eye(length, units) if number is None else np.outer(np.arange(length) == number, np.ones(units))
    kernels[place][:, "rzn".index(gate)] = gain * opens / (least if place == "recurrent" else 1.0)
    if number is not None:
        kernels["recurrent"][:, 2] = OPEN / least * np.eye(units)
    inside = {"recurrent_bias": np.full(units, OPEN if gate == "r" else 0.0)}
    return {
        "x": np.ones_like(names["x"]),
        "h": np.ones_like(names["h"]),
        "kernel": kernels["input"].reshape(features, 3 * units),
        "recurrent_kernel": kernels["recurrent"].reshape(units, 3 * units),
        "bias": np.repeat(biases, units),
    } | (inside if names["reset_after"] else {})


def read_masks_of_gru(names: Names, answers: Answers) -> dict[str, Any]:
    """The masks of inputs and hidden states, ``(batch, time, gates, …)``."""
    read: dict[str, dict[str, list[Any]]] = {}
    for (place, gate, number), answer in zip(gru_gates_to_probe(names), answers, strict=True):
        y = widen(answer[0])
        if number is not None:
            kept = np.any(y > HALF_WAY, axis=-1, keepdims=True)
        elif gate == "z":
            kept = y > 0.75 * np.concatenate((np.ones_like(y[:, :1]), y[:, :-1]), axis=1)
        else:
            kept = y > HALF_WAY
        width = names["features"] if place == "input" else names["units"]
        read.setdefault(f"{place}_mask", {}).setdefault(gate, []).append(kept[..., :width])
    return {
        name: one_of_each(
            np.stack([np.concatenate(parts, axis=-1) for parts in gates.values()], axis=2), names[name].shape
        )
        for name, gates in read.items()
    }


OF_GRU = f"{OVER_STEPS}, 3 if over_gates == 'own' else 1"

gru_dropout = Spec(
    reference=reference.gru_dropout,
    inputs=(
        X,
        H,
        Input("kernel", "features, 3 * units", kind="weight", meaning="gates in the order r, z, n"),
        Input("recurrent_kernel", "units, 3 * units", kind="weight"),
        Input("bias", "3 * units", kind="weight"),
        Input(
            "recurrent_bias",
            "units",
            kind="weight",
            meaning="the candidate's, inside the reset",
            when="reset_after",
        ),
        mask(f"{OF_GRU}, features", "input_mask", when=DROPS_INPUT),
        mask(f"{OF_GRU}, units", "recurrent_mask", "1 - recurrent_rate", when=DROPS_STATE),
    ),
    outputs=("sequence", "final_h"),
    probe=probe_products_of_gru,
    recover=read_masks_of_gru,
    parameters=(
        RATE,
        RECURRENT_RATE,
        gru.parameter("reset_after"),
        OVER_TIME,
        OVER_GATES,
        TRAINING,
    ),
    sizes=((33, 2, 3, 4), (1, 1, 1, 1), (17, 3, 2, 5)),
    data=LSTM_DATA,
    excluded=(*SOMETHING_DROPS, "not training and (over_time == 'step' or over_gates == 'shared')"),
    sources=(GAL, *gru.sources[:1]),
)

# --- in place of what an LSTM remembers ---


def probe_biases(names: Names, **biases: float) -> dict[str, Any]:
    """Inputs under which every gate follows from its bias alone."""
    probe = probe_gate(names, "input", "i")
    i, f, g, o = (biases.get(name, OPEN) for name in "ifgo")
    return probe | {
        "x": np.zeros_like(names["x"]),
        "c": np.zeros_like(names["c"]),
        "bias": np.repeat((i, f, g, o), names["units"]),
    }


def probe_update(names: Names) -> list[dict[str, Any]]:
    """Every update is 1, and nothing is remembered."""
    return [probe_biases(names, f=-OPEN)]


def read_mask_of_update(names: Names, answers: Answers) -> dict[str, Any]:
    """The mask of an update that is 1 if it is kept."""
    return {"update_mask": one_of_each(widen(answers[0][0]) > 0.5, names["update_mask"].shape)}


lstm_update_dropout = Spec(
    reference=reference.lstm_update_dropout,
    inputs=(*LSTM_INPUTS, mask("batch, time if over_time == 'step' else 1, units", "update_mask")),
    outputs=("sequence", "final_h", "final_c"),
    probe=probe_update,
    recover=read_mask_of_update,
    parameters=(
        Parameter("rate", (0.3, 0.0), "probability that an element is dropped"),
        Parameter(
            "dropping", ("update", "cell"), "what is dropped: the update, or the cell itself", facet=True
        ),
        OVER_TIME,
        TRAINING,
    ),
    sizes=LSTM_SIZES,
    data=LSTM_DATA,
    excluded=(
        "(not training or rate == 0) and (dropping == 'cell' or over_time == 'step')",
        ONE_RATE_AT_INFERENCE,
    ),
    sources=(
        SEMENIUTA,
        Source("Moon et al. (2015), RNNDrop", "https://doi.org/10.1109/ASRU.2015.7404775"),
    ),
)


def probe_normalized_update(names: Names) -> list[dict[str, Any]]:
    """Every update is 1, but that of one unit is 0: the first, or the second so that the first is seen."""
    units = np.arange(names["units"])
    i, f, g, o = (np.full(names["units"], bias) for bias in (OPEN, -OPEN, OPEN, OPEN))
    plain = {"cell_scale": np.ones_like(names["cell_scale"]), "cell_bias": 0 * names["cell_bias"]}
    return [
        probe_biases(names) | plain | {"bias": np.concatenate((i, f, np.where(units == unit, 0.0, g), o))}
        for unit in (0, 1)
    ]


def read_mask_of_normalized_update(names: Names, answers: Answers) -> dict[str, Any]:
    """The mask of updates: where one is kept, the unit is well above the one that has none."""
    y, other = (widen(sequence) for sequence, *_ in answers)
    first, others = other[..., :1] - other[..., 1:2], y[..., 1:] - y[..., :1]
    kept = np.concatenate((first, others), axis=-1) > LEAST_APART
    return {"update_mask": one_of_each(kept, names["update_mask"].shape)}


LEAST_APART = 0.5
"""Two units, of which one alone is updated, differ by more in what is normalized and squashed."""

layer_norm_lstm_update_dropout = Spec(
    reference=reference.layer_norm_lstm_update_dropout,
    inputs=(
        *(i for i in layer_norm_lstm.inputs if i.name != "recurrent_scale"),
        mask("batch, time if over_time == 'step' else 1, units", "update_mask"),
    ),
    outputs=("sequence", "final_h", "final_c"),
    probe=probe_normalized_update,
    recover=read_mask_of_normalized_update,
    parameters=(
        Parameter("rate", (0.3, 0.0), "probability that an element is dropped"),
        Parameter("over_time", ("step", "sequence"), OVER_TIME.meaning, facet=True),
        layer_norm_lstm.parameter("carried"),
        layer_norm_lstm.parameter("epsilon"),
        TRAINING,
    ),
    # What is normalized of a single unit is 0, whatever is dropped.
    sizes=((33, 2, 3, 5), (1, 1, 1, 3), (17, 4, 6, 7), *HALF_SIZES),
    data=(*LSTM_DATA, "saturated", *HALF_DATA),
    excluded=(
        "(not training or rate == 0) and over_time == 'sequence'",
        ONE_RATE_AT_INFERENCE,
        FOR_HALF,
        "data == 'saturated' and dtype in ('float32', 'float64')",
    ),
    sources=(SEMENIUTA, *layer_norm_lstm.sources[:2]),
)


def probe_wrapper(names: Names) -> list[dict[str, Any]]:
    """The probes of the masks of a place."""
    place = names["place"]
    probes = [probe_gate(names, "recurrent" if "state" in place else "input", "i")]
    if place == "state+cell":
        probes.append(probe_biases(names, g=0.25))
    return probes


def read_masks_around(names: Names, answers: Answers) -> dict[str, Any]:
    """The masks of what enters a cell, of what it gives out, and of the states that it carries on."""
    y, final_h, _ = map(widen, answers[0])
    place, above = names["place"], SEEN["i"][2]
    if place == "input":
        found = {"input_mask": y[..., : names["features"]] > above}
    elif place == "output":
        found = {"output_mask": y > 0}
    else:
        # What is carried on from a step shows in the next one, and at the end in itself.
        found = {"state_mask": np.concatenate([y[:, 1:] > above, final_h[:, np.newaxis] > 0], axis=1)}
    if place == "state+cell":
        y, _, final_c = map(widen, answers[1])
        kept = np.concatenate([y[:, 1:] > SEEN["f"][2], final_c[:, np.newaxis] > 0], axis=1)
        found["cell_mask"] = kept
    return {name: one_of_each(kept, names[name].shape) for name, kept in found.items()}


AROUND = "1 if over_batch == 'shared' else batch, time if over_time == 'step' else 1"

lstm_dropout_wrapper = Spec(
    reference=reference.lstm_dropout_wrapper,
    inputs=(
        *LSTM_INPUTS,
        mask(f"{AROUND}, features", "input_mask", when="training and place == 'input'"),
        mask(f"{AROUND}, units", "output_mask", when="training and place == 'output'"),
        mask(f"{AROUND}, units", "state_mask", when="training and 'state' in place"),
        mask(f"{AROUND}, units", "cell_mask", when="training and place == 'state+cell'"),
    ),
    outputs=("sequence", "final_h", "final_c"),
    probe=probe_wrapper,
    recover=read_masks_around,
    parameters=(
        Parameter(
            "place",
            ("input", "output", "state", "state+cell"),
            "what is dropped: what enters a cell, what it gives out, or h, or h and c, as it carries them on",
        ),
        Parameter("rate", (0.3, 0.6), "probability that an element is dropped"),
        Parameter("over_time", ("step", "sequence"), OVER_TIME.meaning, facet=True),
        Parameter(
            "over_batch", ("own", "shared"), "whether each sequence of a batch has its own mask", facet=True
        ),
        TRAINING,
    ),
    # A mask that the batch and all steps share has no more elements than units.
    sizes=(*LSTM_SIZES, (2, 2, 65, 66)),
    data=("normal",),
    excluded=(ONE_RATE_AT_INFERENCE, "not training and (over_time == 'sequence' or over_batch == 'shared')"),
    sources=(
        Source("Zaremba, Sutskever and Vinyals (2014)", "https://arxiv.org/abs/1409.2329"),
        GAL,
    ),
)

# --- between layers ---


def probe_between(names: Names) -> list[dict[str, Any]]:
    """The lower layer gives tanh(1) at all steps, and each of its units opens a gate of the upper one."""
    units = names["units"]
    opens = np.zeros((units, 4, units))
    opens[:, "ifgo".index("i")] = OPEN / LOWEST * np.eye(units)
    biases = [np.repeat(biases, units) for biases in ((OPEN, -OPEN, OPEN, OPEN), SEEN["i"][0])]
    nothing = ("x", "h", "c", "kernel", "recurrent_kernel")
    return [
        {
            **{name: np.zeros_like(names[name]) for name in nothing},
            "upper_kernels": opens.reshape(1, units, 4 * units),
            "bias": np.stack(biases),
        }
    ]


def read_mask_between(names: Names, answers: Answers) -> dict[str, Any]:
    """The mask between the two layers, ``(batch, 1, time, units)``."""
    kept = widen(answers[0][0])[:, np.newaxis] > SEEN["i"][2]
    return {"mask": one_of_each(kept, names["mask"].shape)}


stacked_lstm_dropout = Spec(
    reference=reference.stacked_lstm_dropout,
    inputs=(
        X,
        Input("h", "2, batch, units", meaning="initial hidden states of both layers"),
        Input("c", "2, batch, units", meaning="initial cell states"),
        KERNEL,
        Input("upper_kernels", "1, units, 4 * units", kind="weight"),
        Input("recurrent_kernel", "2, units, 4 * units", kind="weight"),
        Input("bias", "2, 4 * units", kind="weight"),
        mask("batch, 1, time if over_time == 'step' else 1, units"),
    ),
    outputs=("y", "final_h", "final_c"),
    probe=probe_between,
    recover=read_mask_between,
    parameters=(
        Parameter("rate", (0.3, 0.0, 0.6), "probability that a unit of the lower layer is dropped"),
        Parameter("over_time", ("step", "sequence"), OVER_TIME.meaning, facet=True),
        TRAINING,
    ),
    sizes=LSTM_SIZES,
    data=LSTM_DATA,
    excluded=(ONE_RATE_AT_INFERENCE, "(not training or rate == 0) and over_time == 'sequence'"),
    sources=(
        Source("Zaremba, Sutskever and Vinyals (2014)", "https://arxiv.org/abs/1409.2329"),
        GAL,
    ),
)

# --- in attention ---


def probe_weights(names: Names) -> list[dict[str, Any]]:
    """Even weights, each of which is given out by itself: the value of a key is 1 at its own number."""
    batch, keys, heads, values = names["value"].shape
    one_hot = np.broadcast_to(np.eye(keys, values)[:, np.newaxis], (batch, keys, heads, values))
    return [{"query": np.zeros_like(names["query"]), "value": one_hot}]


def read_mask_of_weights(names: Names, answers: Answers) -> dict[str, Any]:
    """The mask of the weights, ``(batch, heads, queries, keys)``."""
    weights = widen(answers[0][0])[..., : names["keys"]].transpose(0, 2, 1, 3)
    return {"mask": one_of_each(weights > 0, names["mask"].shape)}


attention_dropout = Spec(
    reference=reference.attention_dropout,
    inputs=(
        Input("query", "batch, queries, heads, depth"),
        Input("key", "batch, keys, heads, depth"),
        Input("value", "batch, keys, heads, values"),
        mask("*((1, 1) if shared == 'batch+heads' else (batch, heads)), queries, keys"),
    ),
    probe=probe_weights,
    recover=read_mask_of_weights,
    parameters=(
        Parameter("rate", (0.3, 0.0, 0.6), "probability that a weight is dropped"),
        Parameter(
            "shared",
            ("none", "batch+heads"),
            "whether samples and heads share a mask, as with broadcast_dropout",
            facet=True,
        ),
        TRAINING,
    ),
    axes="batch queries keys heads depth values",
    # There are no fewer values than keys, so that each weight can be given out by itself.
    sizes=((5, 9, 13, 3, 4, 14), (1, 1, 1, 1, 1, 1), (17, 3, 6, 1, 8, 8), (9, 3, 5, 2, 6, 6)),
    data=("normal",),
    excluded=(ONE_RATE_AT_INFERENCE, "(not training or rate == 0) and shared != 'none'"),
    sources=(Source("Vaswani et al. (2017), Attention is all you need", "https://arxiv.org/abs/1706.03762"),),
)
