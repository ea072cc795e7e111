"""How TensorFlow is driven: devices, exact bits in and out, reverse mode."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ..binding import binder
from ..environment import TENSORFLOW
from ..framework import Framework, NotInForce, Returned, Runner, Unavailable, Wire, as_tuple, construct
from ..lazy import Lazy
from ..path import Path
from ..rows import rows

tf: Any = Lazy("tensorflow")
np: Any = Lazy("numpy")
binds = binder("tensorflow")
function, _ = rows("tensorflow", tf=tf)


def load(wire: Wire, device: str) -> Any:
    """Tensor with these bits."""
    name, shape, data = wire
    with tf.device({"cpu": "/CPU:0", "cuda": "/GPU:0"}[device]):
        return tf.constant(np.frombuffer(data, dtype=tf.as_dtype(name).as_numpy_dtype).reshape(shape))


def unload(tensor: Any) -> Wire:
    """The bits of a tensor."""
    host = tf.convert_to_tensor(tensor).numpy()
    return host.dtype.name, host.shape, host.tobytes()


def value_and_vjp(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs of ``function``, and gradients in the inputs named by ``wrt``, None where it has none."""
    if cotangents is None:
        return as_tuple(function(**inputs)), ()
    leaves = [inputs[name] for name in wrt]
    with tf.GradientTape() as tape:
        tape.watch(leaves)
        outputs = as_tuple(function(**inputs))
    gradients = tape.gradient(list(outputs[: len(cotangents)]), leaves, list(cotangents))
    return outputs, tuple(g if g is None else tf.convert_to_tensor(g) for g in gradients)


def value_and_jvp(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
    shown: set[tuple[str, bool]],
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs of ``function``, and by forward mode what its gradients are, None where it gives no tangent.

    <cotangent, jvp> = <vjp, tangent>, and the tangents are those along each element of an input in turn; they
    are computed inside ``tf.function``, for there are many.
    """
    outputs = as_tuple(function(**inputs))

    def along(leaf: Any, tangent: Any) -> list[Any]:
        with tf.autodiff.ForwardAccumulator(leaf, tangent) as forward:
            returned = as_tuple(function(**inputs))[: len(cotangents or ())]
        tangents = [forward.jvp(y) for y in returned]
        shown.add(("forward", any(t is not None for t in tangents)))
        pairs = zip(cotangents or (), tangents, strict=True)
        return [
            tf.reduce_sum(tf.cast(c, tf.float64) * tf.cast(t, tf.float64)) for c, t in pairs if t is not None
        ]

    def gradient(leaf: Any) -> Any:
        size, traced = leaf.shape.num_elements(), tf.function(lambda tangent: along(leaf, tangent))
        tangents = np.eye(size, dtype=leaf.dtype.as_numpy_dtype).reshape((size, *leaf.shape))
        products = [traced(tf.constant(tangent)) for tangent in tangents]
        if products and not products[0]:
            return None
        found = tf.stack([tf.add_n(of_one) for of_one in products]) if products else tf.zeros(0)
        return tf.cast(tf.reshape(found, leaf.shape), leaf.dtype)

    return outputs, tuple(gradient(inputs[name]) for name in wrt) if cotangents is not None else ()


def seed(number: int, built: Any) -> None:
    """Set the global seed, which starts the counters of random operations anew, in a graph as well."""
    tf.random.set_seed(number)


def prepare(
    function: Callable[..., Any], parameters: Mapping[str, Any], wrt: Sequence[str], mode: str
) -> Runner:
    """Run eagerly, inside ``tf.function``, or compiled by XLA."""
    shown: set[tuple[str, bool]] = set()

    def forward(inputs: Mapping[str, Any], cotangents: Sequence[Any] | None) -> Any:
        call = lambda **given: function(**given, **parameters)  # noqa: E731
        return value_and_jvp(call, inputs, wrt, cotangents, shown)

    forward.shown = shown  # type: ignore[attr-defined]  # where the proof looks
    if mode == "forward":
        return forward

    def both(inputs: Mapping[str, Any], cotangents: Sequence[Any] | None) -> Any:
        return value_and_vjp(lambda **given: function(**given, **parameters), inputs, wrt, cotangents)

    return tf.function(both, jit_compile=mode == "xla") if mode in ("graph", "xla") else both


NO_KERNEL = re.compile(
    r"Detected unsupported operations when trying to compile graph .*?: (?P<operation>\w+)"
    r"|(?P<reason>XLA does not support [^\n]*)"
)
"""How XLA says that it cannot compile an operation."""

CALLBACKS = {"EagerPyFunc", "PyFunc", "PyFuncStateless"}
"""Operations of a graph that run Python."""

UNSEEDED = {
    *("Multinomial", "ParameterizedTruncatedNormal", "RandomGammaV2", "RandomPoissonV2", "RandomShuffle"),
    *("RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal"),
}
"""Operations that draw from a state of their kernel: XLA draws from another, which no seed sets.

Source: https://www.tensorflow.org/xla/known_issues, "Random number generation ignores TF seed".
"""


def operations(concrete: Any) -> set[str]:
    """What a concrete function consists of, and the functions that it calls."""
    graph = concrete.graph.as_graph_def()
    functions = (node for function in graph.library.function for node in function.node_def)
    return {node.op for node in (*graph.node, *functions)}


def joined(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return ", ".join(sorted(names))


def without_onednn() -> str:
    """What TensorFlow says of oneDNN, where it is off."""
    from tensorflow.python.util import _pywrap_util_port  # imported where TensorFlow is

    if _pywrap_util_port.IsMklEnabled():
        raise NotInForce("TensorFlow runs with oneDNN", unsupported=False)
    return "oneDNN is off"


def with_threads() -> str:
    """What TensorFlow says of its threads, where there are several."""
    number = tf.config.threading.get_intra_op_parallelism_threads()
    if number < 2:
        raise NotInForce("TensorFlow runs with one thread", unsupported=False)
    return f"{number} threads"


class Adapter(Framework):
    """TensorFlow on one device."""

    paths = (
        Path("eager", "operation by operation"),
        Path("graph", "tf.function", "a concrete function was traced, and calls no Python"),
        Path("xla", "tf.function(jit_compile=True)", "every function is one that XLA must compile"),
        Path(
            "onednn_off",
            "without oneDNN",
            "TensorFlow says that oneDNN is off",
            environ={"TF_ENABLE_ONEDNN_OPTS": "0"},
        ),
        Path(
            "forward",
            "tf.autodiff.ForwardAccumulator in tf.function, along each element of an input",
            "an output has a tangent",
            dtypes=("float64", "float32"),
            special=False,
        ),
        Path("threads", "with four threads", "TensorFlow says that it has them"),
    )
    distributions = ("tensorflow", "tensorflow-cpu", "keras")
    oldest: ClassVar = {"tensorflow": "2.15", "tensorflow-cpu": "2.15"}
    environment = TENSORFLOW

    threads = 1

    def enter(self, path: Path) -> None:
        """Start, with the threads of the path, of which TensorFlow takes no other number later."""
        self.threads = 4 if path.name == "threads" else 1
        super().enter(path)

    def start(self) -> None:
        """Import TensorFlow, quietly; refuse CUDA where there is none."""
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if self.device == "cpu":
            os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        self.require("tensorflow", "TensorFlow", "tensorflow")
        tf.config.threading.set_intra_op_parallelism_threads(self.threads)
        tf.config.threading.set_inter_op_parallelism_threads(self.threads)
        if self.device == "cuda" and not tf.config.list_physical_devices("GPU"):
            raise Unavailable("TensorFlow sees no GPU here.")

    def load(self, wire: Wire) -> Any:
        """Array with these bits, on the device."""
        return load(wire, self.device)

    unload = staticmethod(unload)

    def in_force(
        self, mode: str, runner: Runner, inputs: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> tuple[Returned, str]:
        """``graph``: a concrete function was traced and ran; ``xla``: it is one that XLA must compile."""
        try:
            returned = runner(inputs, cotangents)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if mode == "xla" and (told := NO_KERNEL.search(str(error))):
                reason = told["reason"] or f"XLA has no kernel for {told['operation']}"
                raise NotInForce(reason, unsupported=True) from error
            raise
        if mode == "eager":
            return returned, ""
        if mode == "onednn_off":
            return returned, without_onednn()
        if mode == "threads":
            return returned, with_threads()
        if mode == "forward":
            if not any(true for _, true in getattr(runner, "shown", ())):
                raise NotInForce("no output has a tangent", unsupported=False)
            return returned, self.path(mode).shown
        concrete: list[Any] = getattr(runner, "_list_all_concrete_functions", list)()
        if not concrete:
            raise NotInForce("TensorFlow traced no function: it ran eagerly", unsupported=False)
        if mode == "xla" and not all(one.function_def.attr["_XlaMustCompile"].b for one in concrete):
            raise NotInForce("TensorFlow may run this function without XLA", unsupported=False)
        found = {name for one in concrete for name in operations(one)}
        if callbacks := found & CALLBACKS:
            raise NotInForce(f"the graph calls back into Python: {joined(callbacks)}", unsupported=True)
        if mode == "xla" and (drawing := found & UNSEEDED):
            raise NotInForce(f"XLA ignores the seeds of {joined(drawing)}", unsupported=True)
        return returned, "compiled by XLA" if mode == "xla" else "traced into a graph"

    construct = staticmethod(construct)
    seed = staticmethod(seed)
    prepare = staticmethod(prepare)

    def flags(self) -> dict[str, str]:
        """Precision flags and threads."""
        return {
            "threads": str(tf.config.threading.get_intra_op_parallelism_threads()),
            "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
            "tensor_float_32": str(tf.config.experimental.tensor_float_32_execution_enabled()),
        }
