"""Specs of the losses of sequences."""

from __future__ import annotations

from ..reference import losses_sequence as reference
from .language.loss import LABELS_ARE_CLASSES, weighing
from .language.spec import Input, Parameter, Source, Spec

SAMPLES_WEIGHTED, SAMPLE_WEIGHTS, SENSELESS = weighing()

sequence_cross_entropy = Spec(
    reference=reference.sequence_cross_entropy,
    inputs=(
        Input("logits", "batch, steps, classes", meaning="unnormalised log-probabilities"),
        Input("labels", "batch, steps", kind="index", limit="classes", meaning="the class of each step"),
        Input("mask", "batch, steps", kind="mask", meaning="whether a step counts"),
    ),
    parameters=(
        Parameter(
            "average",
            reference.AVERAGES,
            "over all steps that count, over sequences of their means, or over all places",
            facet=True,
        ),
        Parameter("empty", ("nan", "zero"), "the mean where every step is masked", facet=True),
        Parameter(
            "masking",
            reference.MASKINGS,
            "whether masked losses are left out, so in values but not in gradients, or times 0",
            facet=True,
            right="select",
        ),
        Parameter("empty_gradient", ("zero", "nan"), "gradient of the steps of such a mean", facet=True),
    ),
    sizes=((4, 5, 7), (1, 3, 2), (3, 9, 33)),
    empty=(),
    data=("normal", "saturated", "masked_rows", "padding_nan"),
    constraints=(LABELS_ARE_CLASSES,),
    excluded=(
        "average == 'places' and empty == 'zero'",
        "masking != 'select' and data != 'padding_nan'",
        # Where every sequence has a step that counts, which means of no steps are is all one.
        "data == 'padding_nan' and (empty_gradient == 'nan' or batch == 1)",
        "empty_gradient == 'nan' and (empty == 'zero' or average == 'places')",
    ),
    sources=(
        Source("Graves (2013), Generating sequences", "https://arxiv.org/abs/1308.0850"),
        Source(
            "TensorFlow Addons, sequence_loss",
            "https://www.tensorflow.org/addons/api_docs/python/tfa/seq2seq/sequence_loss",
        ),
    ),
)

ctc_loss = Spec(
    reference=reference.ctc_loss,
    inputs=(
        Input(
            "logits", "batch, steps, classes", meaning="unnormalised log-probabilities, or normalised ones"
        ),
        Input(
            "labels",
            "batch, length",
            kind="index",
            limit="classes - 1",
            meaning="numbers among the classes without the blank, in the order in which they stand",
        ),
        Input(
            "logit_lengths",
            "batch",
            kind="lengths",
            limit="steps",
            # So many steps suffice, however the labels repeat.
            least="min(2 * length - 1, steps)",
            when="ragged",
            meaning="how many steps count",
        ),
        Input(
            "label_lengths",
            "batch",
            kind="lengths",
            limit="length",
            least="shortest",
            meaning="how many labels count",
        ),
        SAMPLE_WEIGHTS,
    ),
    parameters=(
        Parameter(
            "reduction",
            ("mean", "none", "sum", "mean_labels", "mean_weights"),
            "a mean over the batch, of losses divided by the number of labels or not, or over the weights",
            facet=True,
            plain="none",
        ),
        SAMPLES_WEIGHTED,
        Parameter("blank", (0, -1, 1), "the class that is no label"),
        Parameter("domain", reference.DOMAINS, "what is given"),
        Parameter("ragged", (True, False), "whether sequences have lengths of their own"),
        Parameter("shortest", (0, 1), "how many labels a sequence has at least"),
        Parameter(
            "infeasible",
            ("infinity", "zero"),
            "loss of labels that need more steps than there are",
            facet=True,
        ),
        Parameter(
            "gradient",
            ("exact", "through_softmax"),
            "with respect to what is given, or to what a logarithm of a softmax was given before",
            facet=True,
            right="exact",
        ),
    ),
    sizes=((3, 7, 5, 3), (2, 9, 3, 4), (1, 5, 4, 2), (4, 3, 5, 4)),
    empty=(),
    data=("normal", "saturated", "nan", "padding_nan"),
    excluded=(
        "infeasible == 'zero' and steps >= 2 * length - 1",
        "gradient != 'exact' and domain == 'logits'",
        "data == 'padding_nan' and not ragged",
        # The weight of a loss that is infinite may be 0.
        "weighted and (ragged or steps < 2 * length - 1 or domain != 'logits')",
        *SENSELESS,
    ),
    sources=(
        Source(
            "Graves, Fernández, Gomez and Schmidhuber (2006), Connectionist temporal classification",
            "https://www.cs.toronto.edu/~graves/icml_2006.pdf",
        ),
    ),
)
