"""Specs of the activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..reference import activations as reference
from .language.spec import Constraint, Input, Parameter, Source, Spec


def elementwise(function: Callable[..., Any], vjp: Callable[..., Any], *sources: Source, **more: Any) -> Spec:
    """The spec of a function of one element."""
    return Spec(
        name=function.__name__,
        reference=function,
        vjp=vjp,
        inputs=(Input("x", "batch, features", meaning="what is activated"),),
        axes="batch features",
        sizes=((3, 17), (1, 1), (2, 64), (5, 129)),
        data=("normal", "tails", "zeros", "wide", "subnormal", "large", "specials"),
        sources=sources,
        **more,
    )


def along_axis(function: Callable[..., Any], vjp: Callable[..., Any], *sources: Source) -> Spec:
    """The spec of a function that normalises along an axis."""
    return Spec(
        name=function.__name__,
        reference=function,
        vjp=vjp,
        inputs=(Input("x", "batch, features", meaning="the logits"),),
        parameters=(Parameter("axis", (-1, 0), "the axis that is normalised"),),
        constraints=(
            Constraint(
                "C1",
                "-2 <= axis < 2",
                "axis must be an axis of x",
                broken_by={"axis": 2},
                also_broken_by=({"axis": -3},),
            ),
        ),
        axes="batch features",
        sizes=((3, 17), (1, 1), (2, 64), (5, 129)),
        data=("normal", "wide", "offset", "saturated", "constant", "ties", "nan", "infinities"),
        sources=sources,
    )


relu = elementwise(
    reference.relu,
    reference.relu_vjp,
    Source("Nair and Hinton (2010)", "https://www.cs.toronto.edu/~hinton/absps/reluICML.pdf"),
    Source("tf.nn.relu", "https://www.tensorflow.org/api_docs/python/tf/nn/relu"),
    Source("jax.nn.relu", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.relu.html"),
    parameters=(Parameter("nan_gradient", ("zero", "pass"), "gradient where x is NaN", facet=True),),
)

gelu = elementwise(
    reference.gelu,
    reference.gelu_vjp,
    Source("Hendrycks and Gimpel (2016), Gaussian error linear units", "https://arxiv.org/abs/1606.08415"),
    Source("tf.nn.gelu", "https://www.tensorflow.org/api_docs/python/tf/nn/gelu"),
    Source("jax.nn.gelu", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.gelu.html"),
    parameters=(
        Parameter("approximate", (False, True), "the tanh form instead of the exact one", facet=True),
    ),
)

silu = elementwise(
    reference.silu,
    reference.silu_vjp,
    Source("Elfwing, Uchibe and Doya (2017)", "https://arxiv.org/abs/1702.03118"),
)

selu = elementwise(
    reference.selu,
    reference.selu_vjp,
    Source("Klambauer et al. (2017), Self-normalizing neural networks", "https://arxiv.org/abs/1706.02515"),
    Source("torch.nn.SELU", "https://pytorch.org/docs/stable/generated/torch.nn.SELU.html"),
    Source("tf.nn.selu", "https://www.tensorflow.org/api_docs/python/tf/nn/selu"),
    Source("jax.nn.selu", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.selu.html"),
    parameters=(
        Parameter("zero_gradient", ("left", "right"), "which slope is taken at zero", facet=True),
        Parameter("nan_gradient", ("nan", "pass"), "gradient where x is NaN", facet=True, right="nan"),
    ),
)

softmax = along_axis(
    reference.softmax,
    reference.softmax_vjp,
    Source("tf.nn.softmax", "https://www.tensorflow.org/api_docs/python/tf/nn/softmax"),
    Source("jax.nn.softmax", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.softmax.html"),
)

log_softmax = along_axis(
    reference.log_softmax,
    reference.log_softmax_vjp,
    Source("Blanchard, Higham and Higham (2021)", "https://arxiv.org/abs/1909.03469"),
    Source("jax.nn.log_softmax", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.log_softmax.html"),
)
