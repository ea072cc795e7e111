"""The ways of calling a Keras layer; each takes the place of ``stateless_call``, by which bindings call.

``Layer.stateless_call`` runs ``Layer.call`` on weights from outside. Users call the layer itself, which casts
what it is given as its policy says, or a model that holds it, or one that was saved and loaded.
"""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..lazy import Lazy

keras: Any = Lazy("keras")

Shown = set[tuple[str, bool]]
Called = tuple[Any, list[Any]]
"""Outputs, and the values of the variables that are not trained afterwards."""


def entered(function: Callable[..., Any], way: str, shown: Shown | None = None) -> Callable[..., Any]:
    """The function, in which every layer is called in this way; ``shown`` is told of each whether it was.

    Under a mixed policy arrays of its half type are widened, and outputs are rounded back.
    """
    policy, told = policy_of(way), set() if shown is None else shown
    narrow = policy.removeprefix("mixed_")
    floatx = way.removeprefix("floatx_") if way.startswith("floatx_") else ""

    def call(**given: Any) -> Any:
        stateless, itself = keras.layers.Layer.stateless_call, keras.layers.Layer.__call__
        within: list[Any] = []

        def instead(layer: Any, trainable: Any, others: Any, *inputs: Any, **options: Any) -> Any:
            if isinstance(layer, keras.Model):  # which is one of the ways
                return stateless(layer, trainable, others, *inputs, **options)
            return by_way(way, layer, [*trainable, *others], inputs, options, told)

        def noted(layer: Any, *inputs: Any, **options: Any) -> Any:
            if policy and not within:
                told.add((way, (layer.compute_dtype, layer.variable_dtype) == (narrow, "float32")))
            if floatx and not within:
                told.add((way, keras.config.floatx() == floatx and hasattr(layer.dtype_policy, "unsaid")))
            within.append(layer)
            try:
                return itself(layer, *inputs, **options)
            finally:
                within.pop()

        known = keras.config.floatx()
        keras.config.set_floatx(floatx or known)
        keras.layers.Layer.stateless_call, keras.layers.Layer.__call__ = instead, noted
        try:
            outputs = function(**{name: recast(x, narrow, "float32") for name, x in given.items()})
        finally:
            keras.config.set_floatx(known)
            keras.layers.Layer.stateless_call, keras.layers.Layer.__call__ = stateless, itself
        outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
        return tuple(recast(y, "float32", narrow) for y in outputs)

    return call


def policy_of(way: str) -> str:
    """The policy under which layers are made; empty for that of the arrays."""
    return way.removesuffix("_xla") if way.startswith("mixed_") else ""


def made(build: Callable[..., Any], way: str) -> Callable[..., Any]:
    """The function that constructs a layer, under the global policy, floatx or image format of the way."""

    def under(**given: Any) -> Any:
        policy, floatx, laid = (
            keras.config.dtype_policy(),
            keras.config.floatx(),
            keras.config.image_data_format(),
        )
        if way.startswith("floatx_"):
            keras.config.set_floatx(way.removeprefix("floatx_"))
            own = keras.DTypePolicy(keras.config.floatx())
            own.unsaid = True  # that of layers for which no dtype is said
            keras.config.set_dtype_policy(own)
        if policy_of(way):
            keras.config.set_dtype_policy(policy_of(way))
        if way == "channels_first":
            keras.config.set_image_data_format(way)
            given = {n: channels_moved(x, -1, 1) if n == "x" else x for n, x in given.items()}
        try:
            return build(**given)
        finally:
            keras.config.set_dtype_policy(policy)
            keras.config.set_floatx(floatx)
            keras.config.set_image_data_format(laid)

    return under


def channels_moved(x: Any, before: int, after: int) -> Any:
    """An array of samples with places, its axis of channels elsewhere; anything else as it is."""
    return keras.ops.moveaxis(x, before, after) if keras.ops.is_tensor(x) and len(x.shape) > 2 else x


def recast(x: Any, dtype: str, other: str) -> Any:
    """An array of ``dtype`` in another; anything else as it is."""
    if not dtype or not other or not keras.ops.is_tensor(x):
        return x
    return keras.ops.cast(x, other) if keras.backend.standardize_dtype(x.dtype) == dtype else x


def by_way(
    way: str,
    layer: Any,
    weights: Sequence[Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    shown: Shown,
) -> Called:
    """Call a layer in a way; tell whether the way has a meaning for it and was taken."""
    if way == "functional":
        return functional(layer, weights, inputs, options, shown)
    if way in ("predict", "jit_compile"):
        return predicted(way, layer, weights, inputs, options, shown)
    if way == "saved":
        return saved(layer, weights, inputs, options, shown)
    if way == "fit":
        return fitted(layer, weights, inputs, options, shown)
    if way == "channels_first":
        return channels_first(layer, weights, inputs, options, shown)
    if way in ("training", "inference", "training_absent"):
        return told(way, layer, weights, inputs, options, shown)
    return called(way, layer, weights, inputs, options, shown)


def called(
    way: str,
    layer: Any,
    weights: Sequence[Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    shown: Shown,
) -> Called:
    """Call the layer itself, as users do, with these values for its variables."""
    with keras.StatelessScope(state_mapping=list(zip(variables(layer), weights, strict=True))) as scope:
        outputs, calls = watched(layer, lambda: layer(*inputs, **options))
        states = [scope.get_current_value(variable) for variable in layer.non_trainable_variables]
    if way == "called":
        shown.add((way, len(calls) == 1))
    elif way in TRAINING:
        shown.add((way, [call.get("training") for call in calls] == [TRAINING[way]]))
    return outputs, states


def channels_first(
    layer: Any, weights: Sequence[Any], inputs: Sequence[Any], options: Mapping[str, Any], shown: Shown
) -> Called:
    """Call the layer on channels that stand behind the samples, and move those of its outputs back."""
    moved = [channels_moved(x, -1, 1) for x in inputs]
    outputs, states = called("channels_first", layer, weights, moved, options, shown)
    shown.add(("channels_first", getattr(layer, "data_format", "") == "channels_first"))
    return mapped(lambda y: channels_moved(y, 1, -1), outputs), states


TRAINING = {"training": True, "inference": False, "training_absent": None}
"""What a layer's own ``call`` is given for ``training`` in these ways."""


def told(
    way: str,
    layer: Any,
    weights: Sequence[Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    shown: Shown,
) -> Called:
    """Call the layer with ``training`` said, where the call does not say it, or unsaid where it says no."""
    said = options.get("training")
    if way == "training_absent":
        options = {name: value for name, value in options.items() if name != "training"}
        shown.add((way, said is False))
    else:
        options = {**options, "training": TRAINING[way]} if said is None else options
    return called(way, layer, weights, inputs, options, shown)


def watched(layer: Any, run: Callable[[], Any]) -> tuple[Any, list[dict[str, Any]]]:
    """What ``run`` returns, and what the layer's own ``call`` was given by keyword each time meanwhile."""
    calls: list[dict[str, Any]] = []
    call = layer.call

    def watching(*inputs: Any, **options: Any) -> Any:
        calls.append(options)
        return call(*inputs, **options)

    object.__setattr__(layer, "call", watching)
    try:
        return run(), calls
    finally:
        object.__delattr__(layer, "call")


def holding(layer: Any, weights: Sequence[Any], run: Callable[[], Any]) -> Any:
    """What ``run`` returns while the layer's variables have these values."""
    known = [keras.ops.copy(variable.value) for variable in variables(layer)]
    for variable, value in zip(variables(layer), weights, strict=True):
        variable.assign(keras.ops.copy(value))  # JAX deletes what is handed to a compiled step
    try:
        return run()
    finally:
        for variable, value in zip(variables(layer), known, strict=True):
            variable.assign(value)


def variables(layer: Any) -> list[Any]:
    """Those that are trained, then the others."""
    return [*layer.trainable_variables, *layer.non_trainable_variables]


def model_of(layer: Any, inputs: Sequence[Any], options: Mapping[str, Any]) -> tuple[Any, list[Any]]:
    """A functional model of the call, and the arrays that it takes: every one in the call."""
    arrays: list[Any] = []

    def symbol(x: Any) -> Any:
        if not keras.ops.is_tensor(x):
            return x
        arrays.append(x)
        dtype, shape = keras.backend.standardize_dtype(x.dtype), tuple(x.shape)
        symbols.append(keras.Input(batch_shape=(None, *shape[1:]) if shape else (), dtype=dtype))
        return symbols[-1]

    symbols: list[Any] = []
    outputs = layer(*mapped(symbol, list(inputs)), **mapped(symbol, dict(options)))
    return keras.Model(symbols, outputs), arrays


def mapped(function: Callable[[Any], Any], nested: Any) -> Any:
    """What a function makes of everything in lists, tuples and dictionaries."""
    if isinstance(nested, dict):
        return {name: mapped(function, one) for name, one in nested.items()}
    if isinstance(nested, list | tuple):
        return type(nested)(mapped(function, one) for one in nested)
    return function(nested)


def functional(
    layer: Any, weights: Sequence[Any], inputs: Sequence[Any], options: Mapping[str, Any], shown: Shown
) -> Called:
    """Call a functional model that holds the layer."""
    model, arrays = model_of(layer, inputs, options)
    known = dict(zip(map(id, variables(layer)), weights, strict=True))
    trainable, others = (
        [known[id(variable)] for variable in of]
        for of in (model.trainable_variables, model.non_trainable_variables)
    )
    (outputs, states), calls = watched(layer, lambda: model.stateless_call(trainable, others, arrays))
    shown.add(("functional", len(calls) == 1))
    after = dict(zip(map(id, model.non_trainable_variables), states, strict=True))
    return outputs, [after[id(variable)] for variable in layer.non_trainable_variables]


def predicted(
    way: str,
    layer: Any,
    weights: Sequence[Any],
    inputs: Sequence[Any],
    options: Mapping[str, Any],
    shown: Shown,
) -> Called:
    """What ``predict`` gives for one batch, of a functional model that holds the layer."""
    model, arrays = model_of(layer, inputs, options)
    batches: list[int] = []
    ended = keras.callbacks.LambdaCallback()
    ended.on_predict_batch_end = lambda batch, logs=None: batches.append(batch)
    compiling, largest = way == "jit_compile", max(len(x) if x.shape else 1 for x in arrays)
    model.compile(jit_compile=compiling)

    def run() -> Called:
        outputs = model.predict(arrays, batch_size=largest, verbose=0, callbacks=[ended])
        return outputs, [keras.ops.copy(variable.value) for variable in layer.non_trainable_variables]

    outputs, states = holding(layer, weights, run)
    carries = getattr(layer, "stateful", False)  # from batch to batch, in what is none of its variables
    shown.add((way, len(batches) == 1 and model.jit_compile is compiling and not carries))
    return mapped(keras.ops.convert_to_tensor, outputs), states


def saved(
    layer: Any, weights: Sequence[Any], inputs: Sequence[Any], options: Mapping[str, Any], shown: Shown
) -> Called:
    """Call a functional model that holds the layer, saved with these weights and loaded."""
    model, arrays = model_of(layer, inputs, options)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "model.keras")
        holding(layer, weights, lambda: model.save(file))
        loaded = keras.models.load_model(file)
    other = loaded.get_layer(layer.name)
    outputs, calls = watched(other, lambda: loaded(arrays))
    shown.add(("saved", len(calls) == 1 and other is not layer))
    return outputs, [variable.value for variable in other.non_trainable_variables]


def fitted(
    layer: Any, weights: Sequence[Any], inputs: Sequence[Any], options: Mapping[str, Any], shown: Shown
) -> Called:
    """Call the layer itself; its gradients are what one step of ``fit`` descends by."""
    trained, named = len(layer.trainable_variables), dict(options)
    if "training" in inspect.signature(layer.call).parameters:  # which fit says
        named.setdefault("training", True)
    nested = [list(inputs), named]
    arrays: list[Any] = []
    mapped(lambda x: arrays.append(x) if keras.ops.is_tensor(x) else None, nested)
    states: list[Any] = []
    draws = any("seed_generator" in variable.path for variable in layer.non_trainable_variables)
    fits = options.get("training") is not False and not draws and not getattr(layer, "stateful", False)
    shown.add(("fit", fits))

    def call(*given: Any) -> Any:
        own, found = [*given[:trained], *weights[trained:]], iter(given[trained:])
        among, said = mapped(lambda x: next(found) if keras.ops.is_tensor(x) else x, nested)
        outputs, states[:] = called("fit", layer, own, among, said, shown)

        def gradients(*cotangents: Any, upstream: Any = None) -> Any:
            cotangent = cotangents[0] if upstream is None else upstream
            return tuple(holding(layer, own, lambda: step(layer, among, said, cotangent, shown)))

        return outputs, gradients

    return keras.ops.custom_gradient(call)(*weights[:trained], *arrays), states


def step(
    layer: Any, inputs: Sequence[Any], options: Mapping[str, Any], cotangent: Any, shown: Shown
) -> list[Any]:
    """The gradient of <cotangent, output> in what is trained, then in the arrays, by one step of ``fit``.

    The arrays are weights too. The rate is 1, and the momentum of a first step is what it descends by, with
    all digits, some of which the weights lose that are moved by it. The norm clips nothing: all gradients are
    there before it is, and before a weight moves that a gradient reads (finding keras-fit-moved-weight).
    """
    batch, held = keras.Input(()), []

    def weight(x: Any) -> Any:
        if not keras.ops.is_tensor(x):
            return x
        held.append(constant(x))
        return held[-1](batch)

    model = keras.Model(batch, layer(*mapped(weight, list(inputs)), **mapped(weight, dict(options))))
    descent = keras.optimizers.SGD(1.0, momentum=0.5, global_clipnorm=2.0**60)
    model.compile(descent, lambda _, y: keras.ops.sum(cotangent * y), jit_compile=False)
    trained = [*layer.trainable_variables, *(one.array for one in held)]
    before = [keras.ops.copy(variable.value) for variable in trained]
    none = keras.ops.zeros(len(cotangent))
    model.fit(none, none, batch_size=len(cotangent), epochs=1, verbose=0)
    places = {id(variable): place for place, variable in enumerate(model.trainable_variables)}
    found = []
    for variable, value in zip(trained, before, strict=True):
        moved = descent.momentums[places[id(variable)]].value if id(variable) in places else None
        if moved is not None:
            shown.add(("fit", bool(keras.ops.all(value + moved == variable.value))))
        found.append(moved if moved is None else -moved)
    return found


def constant(x: Any) -> Any:
    """A layer whose output is an array that it holds as a weight, whatever it is called on."""

    class Held(keras.layers.Layer):  # type: ignore[misc]
        def call(self, batch: Any) -> Any:
            return keras.ops.convert_to_tensor(self.array)

    dtype = keras.backend.standardize_dtype(x.dtype)
    made = Held(dtype=dtype if "float" in dtype else None)
    made.array = made.add_weight(
        shape=tuple(x.shape), dtype=dtype, initializer="zeros", trainable="float" in dtype
    )
    made.array.assign(x)
    return made
