"""How JAX is driven: devices, exact bits in and out, reverse mode, compiled as its users run it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from ..binding import binder
from ..environment import JAX
from ..framework import (
    Framework,
    NotInForce,
    Returned,
    Runner,
    Unavailable,
    Wire,
    as_tuple,
    cache_folder,
    leaves,
    seed,
)
from ..lazy import Lazy
from ..path import Path

jax: Any = Lazy("jax")
jnp: Any = Lazy("jax.numpy")
np: Any = Lazy("numpy")
flax: Any = Lazy("flax")
linen: Any = Lazy("flax.linen")
nnx: Any = Lazy("flax.nnx")
optax: Any = Lazy("optax")
binds = binder("jax")


def x64(enabled: bool) -> Any:
    """Context in which 64-bit types are kept."""
    if not enabled:
        return contextlib.nullcontext()
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64()


def load(wire: Wire, device: str) -> Any:
    """Array with these bits."""
    name, shape, data = wire
    with x64(name in ("float64", "int64")):
        host = np.frombuffer(data, dtype=jnp.dtype(name)).reshape(shape)
        return jax.device_put(host, jax.devices(device)[0])


def unload(array: Any) -> Wire:
    """The bits of an array."""
    host = np.asarray(array)
    return host.dtype.name, host.shape, host.tobytes()


def value_and_vjp(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs of ``function``, and the gradients with respect to the inputs named by ``wrt``."""
    if cotangents is None:
        return as_tuple(function(**inputs)), ()
    held = {name: value for name, value in inputs.items() if name not in wrt}

    def differentiable(*leaves: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        outputs = as_tuple(function(**held, **dict(zip(wrt, leaves, strict=True))))
        return outputs[: len(cotangents)], outputs[len(cotangents) :]

    outputs, pull_back, states = jax.vjp(differentiable, *(inputs[name] for name in wrt), has_aux=True)
    return outputs + states, pull_back(tuple(cotangents))


def value_and_jvp(
    function: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
    shown: set[tuple[str, bool]],
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs of ``function``, and by forward mode what its gradients are.

    <cotangent, jvp> = <vjp, tangent>, and the tangents are those along each element of an input.
    """
    outputs = as_tuple(function(**inputs))

    def gradient(name: str) -> Any:
        def of_one(leaf: Any) -> Any:
            shown.add(("forward", isinstance(leaf, jax.interpreters.ad.JVPTracer)))
            return as_tuple(function(**{**inputs, name: leaf}))[: len(cotangents or ())]

        jacobians = zip(cotangents or (), jax.jacfwd(of_one)(inputs[name]), strict=True)
        return sum(jnp.tensordot(c, jacobian, c.ndim) for c, jacobian in jacobians)

    return outputs, tuple(map(gradient, wrt)) if cotangents is not None else ()


def construct(build: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    """What ``build`` makes, with 64-bit types where an input has one."""
    with x64(any(str(getattr(value, "dtype", "")) == "float64" for value in given.values())):
        return build(**given)


def prepare(
    function: Callable[..., Any], parameters: Mapping[str, Any], wrt: Sequence[str], mode: str
) -> Runner:
    """One compiled function for value and gradients, entered by a path; ``eager`` runs by operation."""
    shown: set[tuple[str, bool]] = set()

    def call(**given: Any) -> Any:
        shown.add(("x64", bool(jnp.asarray(1.0).dtype == jnp.float64)))
        return function(**given, **parameters)

    entered = call
    if mode == "remat":
        entered = jax.checkpoint(call)
    elif mode == "vmap":
        entered = over_samples(call, shown)

    def both(inputs: Mapping[str, Any], cotangents: Sequence[Any] | None) -> Any:
        if mode == "forward":
            return value_and_jvp(entered, inputs, wrt, cotangents, shown)
        if mode == "vmap_grad":
            return of_samples(call, inputs, wrt, cotangents, shown)
        with matmul_precision(mode):
            return value_and_vjp(entered, inputs, wrt, cotangents)

    runnable = both if mode == "eager" else jax.jit(both)

    def run(inputs: Mapping[str, Any], cotangents: Sequence[Any] | None) -> Any:
        wide = any(str(a.dtype) == "float64" for a in inputs.values() if a is not None)
        with x64(wide or mode == "x64"):
            return jax.block_until_ready(runnable(inputs, cotangents))

    run.compiled, run.shown = runnable, shown  # type: ignore[attr-defined]  # where the proof looks
    return run


def over_samples(call: Callable[..., Any], shown: set[tuple[str, bool]]) -> Callable[..., Any]:
    """The call under ``jax.vmap`` over two samples, of which the second holds zeros and is dropped."""

    def both(**inputs: Any) -> Any:
        given = {name: value for name, value in inputs.items() if value is not None}
        absent = dict.fromkeys(inputs.keys() - given.keys())

        def one(sample: Mapping[str, Any]) -> Any:
            shapes = {name: value.shape for name, value in sample.items()}  # without the axis of samples
            shown.add(("vmap", shapes == {name: value.shape for name, value in given.items()}))
            return as_tuple(call(**sample, **absent))

        floating = {name: jnp.issubdtype(value.dtype, jnp.floating) for name, value in given.items()}
        pairs = {n: jnp.stack((x, jnp.zeros_like(x) if floating[n] else x)) for n, x in given.items()}
        return tuple(output[0] for output in jax.vmap(one)(pairs))

    return both


def of_samples(
    call: Callable[..., Any],
    inputs: Mapping[str, Any],
    wrt: Sequence[str],
    cotangents: Sequence[Any] | None,
    shown: set[tuple[str, bool]],
) -> Any:
    """Value and gradients under ``jax.vmap`` over two samples; the second holds zeros and is dropped."""
    given = {name: value for name, value in inputs.items() if value is not None}
    absent = dict.fromkeys(inputs.keys() - given.keys())

    def one(sample: Mapping[str, Any], cotangents: Sequence[Any] | None) -> Any:
        shapes = {name: value.shape for name, value in sample.items()}  # without the axis of samples
        shown.add(("vmap_grad", shapes == {name: value.shape for name, value in given.items()}))
        return value_and_vjp(call, {**sample, **absent}, wrt, cotangents)

    def pair(x: Any) -> Any:
        return jnp.stack((x, jnp.zeros_like(x) if jnp.issubdtype(x.dtype, jnp.floating) else x))

    return jax.tree.map(lambda y: y[0], jax.vmap(one)(*jax.tree.map(pair, (given, cotangents))))


MATMUL = {"matmul_highest": "highest", "matmul_bfloat16": "BF16_BF16_F32"}
"""Values of ``jax_default_matmul_precision`` by path."""


def matmul_precision(mode: str) -> Any:
    """Context of the precision that a path asks of contractions."""
    return jax.default_matmul_precision(MATMUL[mode]) if mode in MATMUL else contextlib.nullcontext()


def keep_compiled() -> None:
    """Keep compiled programs on disk, as JAX does for its users, and small ones too.

    Two APIs that come to the same program are compiled once, and a later run compiles what is new. JAX
    tells versions, flags and devices apart.
    """
    jax.config.update("jax_compilation_cache_dir", str(cache_folder("jax")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


TRACED = {
    "remat": re.compile(r"\b(remat2?|checkpoint)\b"),
    "matmul_highest": re.compile(r"precision=\(?(Precision\.)?HIGHEST"),
    "matmul_bfloat16": re.compile(r"precision=(DotAlgorithmPreset\.)?BF16_BF16_F32"),
}
"""What is in a program that was traced by a path: what computes anew, and how contractions are to round."""


def _value(variable: Any) -> Any:
    """What a variable of ``flax.nnx`` holds, by the name that this version has for it."""
    return variable.get_value() if hasattr(variable, "get_value") else variable.value


class Adapter(Framework):
    """JAX on one device."""

    paths = (
        Path("jit", "jax.jit", "JAX keeps a program that was compiled for these shapes"),
        Path("eager", "operation by operation"),
        Path("vmap", "jax.jit of jax.vmap over two samples", "the call met one sample of two"),
        Path("remat", "jax.jit of jax.checkpoint", "what is traced holds a checkpoint"),
        Path(
            "forward",
            "jax.jit of jax.jacfwd",
            "the call met a tracer of forward mode",
            dtypes=("float64", "float32"),
            special=False,
        ),
        Path(
            "vmap_grad", "jax.jit of jax.vmap of jax.vjp over two samples", "the call met one sample of two"
        ),
        Path(
            "matmul_highest",
            "jax.default_matmul_precision('highest')",
            "a contraction of what is traced has the precision HIGHEST",
            dtypes=("float32",),
        ),
        Path(
            "matmul_bfloat16",
            "jax.default_matmul_precision('BF16_BF16_F32')",
            "a contraction of what is traced has the algorithm BF16_BF16_F32",
            dtypes=("float32",),
            profiles=("bfloat16-inputs",),
        ),
        Path("x64", "jax.jit with 64-bit types enabled", "a number is a float64 array there"),
    )
    distributions = ("jax", "jaxlib", "flax", "optax")
    oldest: ClassVar = {"jax": "0.4.30", "flax": "0.8.5", "optax": "0.2.4"}
    parts = ("flax.linen", "flax.nnx", "optax")
    environment = JAX

    def start(self) -> None:
        """Import JAX on the platform asked for."""
        os.environ["JAX_PLATFORMS"] = {"cpu": "cpu", "cuda": "cuda"}[self.device]
        self.require("jax", "JAX", "jax")
        try:
            jax.devices()
        except RuntimeError as error:
            raise Unavailable(f"JAX finds no {self.device} device here: {error}") from error
        keep_compiled()

    def load(self, wire: Wire) -> Any:
        """Array with these bits, on the device."""
        return load(wire, self.device)

    unload = staticmethod(unload)

    def in_force(
        self, mode: str, runner: Runner, inputs: Mapping[str, Any], cotangents: Sequence[Any] | None
    ) -> tuple[Returned, str]:
        """``jit``: the function that was called keeps a program that was compiled for these shapes."""
        returned = runner(inputs, cotangents)
        if mode == "eager":
            return returned, ""
        compiled = getattr(runner, "compiled", None)
        if not getattr(compiled, "_cache_size", int)():
            raise NotInForce("JAX compiled no program for this call", unsupported=False)
        if mode in TRACED:
            with x64(any(str(a.dtype) == "float64" for a in inputs.values() if a is not None)):
                told = [TRACED[mode].search(str(jax.make_jaxpr(compiled)(inputs, cotangents))) is not None]
        else:
            told = [true for name, true in getattr(runner, "shown", ()) if name == mode]
        if mode != "jit" and not (told and all(told)):
            reason = f"JAX did not show that {self.path(mode).shown}"
            raise NotInForce(reason, unsupported=mode in MATMUL)
        return returned, "compiled by XLA" if mode == "jit" else self.path(mode).shown

    def weights(self, built: Any, on: Any, seed: int = 0) -> Iterator[tuple[str, Any, bool]]:
        """What a module of ``flax.nnx`` holds, or one of ``flax.linen`` initialises for its inputs."""
        if isinstance(built, nnx.Module):
            for path, leaf in nnx.to_flat_state(nnx.state(built)):
                if isinstance(leaf, nnx.Param | nnx.BatchStat):
                    yield ".".join(map(str, path)), _value(leaf), isinstance(leaf, nnx.Param)
        elif isinstance(built, linen.Module):
            keys = dict(zip(("params", "dropout"), jax.random.split(jax.random.key(seed)), strict=True))
            for kind, tree in built.init(keys, *on()).items():
                for path, array in flax.traverse_util.flatten_dict(tree, sep=".").items():
                    yield path, array, kind == "params"

    def shapes(self, call: Any, arrays: Mapping[str, Any]) -> list[tuple[str, tuple[int, ...]]]:
        """As JAX tells them of a function that it only traces."""
        with self.wide(arrays.values()):
            return [(str(one.dtype), one.shape) for one in leaves(jax.eval_shape(call, arrays))]

    def wide(self, given: Iterable[Any]) -> Any:
        """64-bit types where an array has one."""
        return x64(any(str(getattr(value, "dtype", "")) == "float64" for value in given))

    construct = staticmethod(construct)
    seed = staticmethod(seed)
    prepare = staticmethod(prepare)

    def flags(self) -> dict[str, str]:
        """Precision flags, the device's name, and the cores that XLA takes for its threads."""
        cores = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
        return {
            "threads": str(len(cores)),
            "device": jax.devices()[0].device_kind,
            "default_matmul_precision": str(jax.config.jax_default_matmul_precision),
            "x64": "for float64 cases only",
            "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        }
