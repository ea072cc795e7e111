"""Laws that many references obey, each told once and put to every spec that it is about."""

from __future__ import annotations

import pytest
from support.proof import assert_same, carried, proves

from assay.harness.judging.expectation import Expectation
from assay.specs import all_specs
from assay.specs.language.cases import cases

#: Specs of which a part of the batch is no question of its own, and why.
WHOLE = {
    "batch_norm": "its statistics are those of the batch",
    "batch_norm_repeated": "its statistics are those of each batch",
    "batch_norm_over_axis": "its statistics are those of the batch",
    "masked_batch_norm": "its statistics are those of the batch",
    "batch_norm_frozen": "its running statistics are for the whole batch",
    "sequence_cross_entropy": "its mean is over the batch",
    "bidirectional_lstm": "the directions of its carry stand before the batch",
    "bidirectional_gru": "the directions of its carry stand before the batch",
    "bidirectional_simple_rnn": "the directions of its carry stand before the batch",
    "stacked_lstm": "the layers of its carry stand before the batch",
    "stacked_gru": "the layers of its carry stand before the batch",
    "stacked_simple_rnn": "the layers of its carry stand before the batch",
    "stacked_lstm_dropout": "the layers of its carry stand before the batch",
    "embedding": "what has a gradient is the table, which all samples share",
    "embedding_bag": "what has a gradient is the table, which all samples share",
    "renormed_embedding": "what has a gradient is the table, which all samples share",
    "generalized_dice": "its ratio is of the whole batch",
    "activity_regularization": "its penalty is that of the whole batch",
    "moments": "they are those of the batch",
    "sufficient_statistics": "they are those of the batch",
    "space_to_batch": "blocks of space stand in the batch",
    "pdist": "pairs are within the batch",
    "ntxent": "pairs are within the batch",
    "circle": "pairs are within the batch",
    "grpo_loss": "its mean is over the groups",
    "adaptive_log_softmax": "its loss is the mean over the batch",
    "fractional_pool": "its boundaries are drawn for the whole batch",
    "tracked_instance_norm": "its running statistics are means over the batch",
}
UNREDUCED = ("none", "rows")


def of_samples():
    """The first case of every spec that treats its samples one by one, and the options that keep them so."""
    for spec in all_specs().values():
        if spec.name not in WHOLE and any("batch" in given.axes for given in spec.inputs):
            case = cases(spec, "standard", dtypes=["float64"])[0]
            reductions = spec.parameter("reduction").values if "reduction" in spec.defaults else ()
            options = [("reduction", value) for value in reductions if value in UNREDUCED]
            slopes = any(given.differentiable for given in spec.inputs)
            marks = proves(spec.reference, *([spec.vjp] if slopes else []), by="law")
            yield pytest.param(case, dict(options), id=spec.name, marks=marks)


@pytest.mark.parametrize(("case", "options"), list(of_samples()))
def test_a_sample_alone_is_what_it_is_in_a_batch(case, options):
    whole, alone = Expectation(case, options), Expectation(case, options)
    batched = [i.name for i in case.given if "batch" in i.axes]
    assert all(len(whole.inputs[name]) > 1 for name in batched)
    alone.inputs |= {name: whole.inputs[name][1:2] for name in batched}
    vars(alone)["cotangents"] = tuple(g[1:2] for g in whole.cotangents)
    assert_same(alone.outputs(carried), tuple(y[1:2] for y in whole.outputs(carried)))
    gradients, of_whole = alone.gradients(carried), whole.gradients(carried)
    for name in gradients.keys() & set(batched):
        assert_same(gradients[name], of_whole[name][1:2])
