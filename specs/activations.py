"""Specs of the activations."""

from __future__ import annotations

from ..reference import activations as reference
from .spec import Constraint, Input, Parameter, Source, Spec

X = Input("x", "batch, features", meaning="what is activated")
SIZES = ((3, 17), (1, 1), (2, 64), (5, 129))
DATA = ("normal", "tails", "zeros", "wide", "subnormal", "large", "specials")
LOGITS_DATA = ("normal", "wide", "offset", "saturated", "constant", "ties", "nan", "infinities")

relu = Spec(
    name="relu",
    reference=reference.relu,
    vjp=reference.relu_vjp,
    inputs=(X,),
    parameters=(Parameter("nan_gradient", ("zero", "pass"), "gradient where x is NaN", facet=True),),
    excluded=("nan_gradient == 'pass' and data != 'specials'",),
    axes="batch features",
    sizes=SIZES,
    data=DATA,
    sources=(
        Source(
            "torch.nn.functional.relu",
            "https://pytorch.org/docs/stable/generated/torch.nn.functional.relu.html",
        ),
        Source("tf.nn.relu", "https://www.tensorflow.org/api_docs/python/tf/nn/relu"),
        Source("jax.nn.relu", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.relu.html"),
    ),
)

gelu = Spec(
    name="gelu",
    reference=reference.gelu,
    vjp=reference.gelu_vjp,
    inputs=(X,),
    parameters=(
        Parameter("approximate", (False, True), "the tanh form instead of the exact one", facet=True),
    ),
    axes="batch features",
    sizes=SIZES,
    data=DATA,
    sources=(
        Source(
            "Hendrycks and Gimpel (2016), Gaussian error linear units", "https://arxiv.org/abs/1606.08415"
        ),
        Source("tf.nn.gelu", "https://www.tensorflow.org/api_docs/python/tf/nn/gelu"),
        Source("jax.nn.gelu", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.gelu.html"),
    ),
)

AXIS = Parameter("axis", (-1, 0), "the axis that is normalised")
AXIS_IN_RANGE = Constraint("C1", "-2 <= axis < 2", "axis must be an axis of x", broken_by={"axis": 2})

softmax = Spec(
    name="softmax",
    reference=reference.softmax,
    vjp=reference.softmax_vjp,
    inputs=(X,),
    parameters=(AXIS,),
    constraints=(AXIS_IN_RANGE,),
    axes="batch features",
    sizes=SIZES,
    data=LOGITS_DATA,
    sources=(
        Source(
            "torch.nn.functional.softmax",
            "https://pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html",
        ),
        Source("tf.nn.softmax", "https://www.tensorflow.org/api_docs/python/tf/nn/softmax"),
        Source("jax.nn.softmax", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.softmax.html"),
    ),
)

log_softmax = Spec(
    name="log_softmax",
    reference=reference.log_softmax,
    vjp=reference.log_softmax_vjp,
    inputs=(X,),
    parameters=(AXIS,),
    constraints=(AXIS_IN_RANGE,),
    axes="batch features",
    sizes=SIZES,
    data=LOGITS_DATA,
    sources=(
        Source("Blanchard, Higham and Higham (2021)", "https://arxiv.org/abs/1909.03469"),
        Source("jax.nn.log_softmax", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.log_softmax.html"),
    ),
)
