"""Activations of Keras with kinks."""

from __future__ import annotations

from ..binding import takes
from .layers import DTYPE, function, layer

LEFT = takes("zero_gradient", "left", "takes the slope left of zero", "zeros", "specials")
AS_RELU = takes("zero_gradient", "zero", "gives no gradient at zero", "zeros", "specials") | takes(
    "nan_gradient", "zero", "gives no gradient where x is NaN", "specials"
)
ELU = {"nan_gradient == ('right' if alpha == 1 else 'left') or data != 'specials'": "has a slope at NaN"}
INSIDE = {"kink_gradient": ("inside", "lets the cotangent through at a bound")}
OUTSIDE = {"kink_gradient": ("outside", "gives no gradient at a bound")}
NO_GRADIENT = takes("nan_gradient", "zero", "gives no gradient where x is NaN", "specials")
PASS = takes("nan_gradient", "pass", "lets the cotangent through where x is NaN", "specials")
LOST = takes("nan", "lost", "compares NaN with the threshold, which it does not pass", "specials")

SLOPE, ALPHA, THRESHOLD = {"negative_slope": "slope"}, {"alpha": "alpha"}, {"threshold": "threshold"}
VALUE = {"default_value": "value"}
PLAIN = {"bounds": ((-1.0, 1.0), "has no other bounds")}

function("leaky_relu", "keras.activations.leaky_relu", SLOPE, where=LEFT)
function("leaky_relu", "keras.ops.leaky_relu", SLOPE, where=LEFT)
layer("leaky_relu", "keras.layers.LeakyReLU", SLOPE | DTYPE, where=LEFT | {"slope >= 0": "refuses to fall"})
SHARED = {"shared_axes": "[1, 2][own_axes:] or None"}
ALONE = {"alpha": "keras.ops.reshape(slope, (*x.shape[1:], 1, 1)[:own_axes] + (1, 1)[own_axes:])"}
layer("prelu", "keras.layers.PReLU", SHARED | DTYPE, ALONE, where=AS_RELU)
function("elu", "keras.activations.elu", ALPHA, where=ELU)
function("elu", "keras.ops.elu", ALPHA, where=ELU)
layer("elu", "keras.layers.ELU", ALPHA | DTYPE, where=ELU)
function("celu", "keras.activations.celu", ALPHA, where=NO_GRADIENT)
function("celu", "keras.ops.celu", ALPHA, where=NO_GRADIENT)
function("relu6", "keras.activations.relu6")
function("relu6", "keras.ops.relu6")
function("hard_tanh", "keras.activations.hard_tanh", where=NO_GRADIENT, fixed=PLAIN | INSIDE)
function("hard_tanh", "keras.ops.hard_tanh", where=NO_GRADIENT, fixed=PLAIN | INSIDE)
function("hard_sigmoid", "keras.activations.hard_sigmoid")
function("hard_sigmoid", "keras.ops.hard_sigmoid")
function("hard_silu", "keras.activations.hard_silu")
function("hard_silu", "keras.ops.hard_silu")
function("soft_shrink", "keras.activations.soft_shrink", THRESHOLD, where=LOST)
function("soft_shrink", "keras.ops.soft_shrink", THRESHOLD, where=LOST)
function("hard_shrink", "keras.activations.hard_shrink", THRESHOLD, where=LOST)
function("hard_shrink", "keras.ops.hard_shrink", THRESHOLD, where=LOST)
function("threshold", "keras.activations.threshold", THRESHOLD | VALUE, where=LOST)
function("threshold", "keras.ops.threshold", THRESHOLD | VALUE, where=LOST)
function("sparse_plus", "keras.activations.sparse_plus")
function("sparse_plus", "keras.ops.sparse_plus")
function("sparse_sigmoid", "keras.activations.sparse_sigmoid", where=PASS, fixed=OUTSIDE)
function("sparse_sigmoid", "keras.ops.sparse_sigmoid", where=PASS, fixed=OUTSIDE)
BOUNDED = {name: name for name in ("max_value", "negative_slope", "threshold")}
# Of half types other numbers meet a threshold or a bound, too.
ELSEWHERE = "data not in ('zeros', 'kinks') and dtype not in ('bfloat16', 'float16')"
PATHS = {
    f"at_threshold == 'apart' or {ELSEWHERE}": "takes 0 where x is just the threshold",
    f"kink_gradient == ('outside' if max_value == 6 and threshold == 0 else 'inside') or {ELSEWHERE}": (
        "clips to a bound, which lets the cotangent through at it, but for 6"
    ),
    "nan == ('kept' if threshold == 0 or negative_slope != 0 else 'lost') or data != 'nan'": (
        "compares NaN with a threshold, which it does not pass"
    ),
}
function("bounded_relu", "keras.activations.relu", BOUNDED, where=PATHS)
layer("bounded_relu", "keras.layers.ReLU", BOUNDED | DTYPE, where=PATHS)
