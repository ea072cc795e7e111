"""A path is proved in force for each configuration, and the proof can fail."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.sample import drawn

from assay.adapters.framework import Unavailable, framework
from assay.specs import all_specs

MAKEFILE = Path(__file__).resolve().parents[2] / "Makefile"

NAMES = ("torch", "tensorflow", "keras", "jax", "keras[jax]", "keras[torch]")

PROVE = """
import sys
from assay.adapters.framework import NotInForce, framework
from assay.numerics.dtypes import encode
import numpy as np

name, other, *modes = sys.argv[1:]
adapter = framework(name, "cpu")
adapter.start()
x = adapter.load(encode(np.ones((3, 3), np.float32)))


def doubled(x):
    return x @ (x + x)


for mode in modes:
    path = adapter.path(mode)
    x = adapter.load(encode(np.ones((3, 3), (path.dtypes or ("float32",))[0])))
    asked = {"x": x}, [x] if path.differentiates else None
    expected, _ = adapter.in_force("eager", adapter.prepare(doubled, {}, ("x",), "eager"), *asked)
    returned, proof = adapter.in_force(mode, adapter.prepare(doubled, {}, ("x",), mode), *asked)
    assert proof, f"nothing shows that {mode} was in force"
    for found, wanted in zip(returned, expected, strict=True):
        assert list(map(adapter.unload, found)) == list(map(adapter.unload, wanted)), mode
    try:
        adapter.in_force(mode, adapter.prepare(doubled, {}, ("x",), other), *asked)
    except NotInForce:
        pass
    else:
        raise SystemExit(f"a run by {other} was taken for one by {mode}")
"""


def test_the_nightly_jobs_ask_every_framework_by_every_path_and_the_default_ones_first():
    listed = re.search(r"^MODES := ((?:.*\\\n)*.*)", MAKEFILE.read_text("utf-8"), re.MULTILINE)[1]
    asked = listed.replace("\\\n", " ").split()
    modes = {name: framework(name, "cpu").modes for name in NAMES}
    assert set(asked) <= {f"{name}/{mode}" for name in NAMES for mode in modes[name]}
    assert re.search(r"^ASKED := (.*)", MAKEFILE.read_text("utf-8"), re.MULTILINE)[1].split() == list(NAMES)
    assert set(asked[: len(NAMES)]) == {f"{name}/{modes[name][0]}" for name in NAMES}


OF_TORCH = (
    *("no_grad", "inference_mode", "exported", "vmap", "autocast", "autocast_float16", "deterministic"),
    *("onednn_off", "forward", "double_backward", "strided", "threads"),
)
OF_JAX = ("vmap", "remat", "x64", "forward", "vmap_grad", "matmul_highest", "matmul_bfloat16")


@pytest.mark.parametrize(
    ("name", "other", "modes"),
    [
        ("torch", "eager", ("compiled", *OF_TORCH)),
        ("tensorflow", "eager", ("graph", "xla", "forward")),
        ("tensorflow", "graph", ("xla",)),
        ("jax", "eager", ("jit",)),
        ("jax", "jit", OF_JAX),
        ("keras[torch]", "eager", ("compiled",)),
    ],
)
def test_a_path_shows_that_it_ran_the_call_and_no_other_passes_for_it(name, other, modes):
    run = [sys.executable, "-c", PROVE, name, other, *modes]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_path_that_shows_something_is_tried_above():
    tried = {"torch": {"compiled", "module", "channels_last", "alone", *OF_TORCH}, "jax": {"jit", *OF_JAX}}
    tried["tensorflow"] = {"graph", "xla", "onednn_off", "forward", "threads"}
    for name, modes in tried.items():
        assert {path.name for path in framework(name, "cpu").paths if path.shown} == modes
    for name in ("keras", "keras[jax]", "keras[torch]"):  # each way is tried below
        adapter = framework(name, "cpu")
        assert [p for p in adapter.paths if not p.under] == [p for p in adapter.backend.paths if not p.apis]


TWICE = """
import torch
from assay.adapters.framework import NotInForce, framework

adapter = framework("torch", "cpu")
adapter.start()
x, cotangent = torch.rand(2, 3), torch.rand(2, 3)


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, cotangent):
        return 2 * cotangent


class Detached(Once):
    @staticmethod
    def backward(ctx, cotangent):
        return 2 * cotangent.detach()


def asked(function):
    runner = adapter.prepare(function, {}, ("x",), "double_backward")
    try:
        return adapter.in_force("double_backward", runner, {"x": x}, [cotangent])[0][1]
    except NotInForce as error:
        assert error.unsupported, error
        return str(error)


(gradient,) = asked(lambda x: 2 * x)
assert (gradient == 2 * cotangent).all()
assert all("depends on the cotangent" in asked(function.apply) for function in (Once, Detached))
margins = torch.nn.functional.multi_margin_loss
assert "not implemented" in asked(lambda x: margins(x, torch.tensor([0, 1]), reduction="none").repeat(3, 1).T)
"""


ALONE = """
import torch
from assay.adapters.framework import NotInForce, framework

adapter = framework("torch", "cpu")
adapter.start()
x, kernel, cotangent = torch.rand(2, 3), torch.rand(3, 4), torch.rand(2, 4)


class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, kernel):
        ctx.save_for_backward(x, kernel)
        return x @ kernel

    @staticmethod
    def backward(ctx, cotangent):
        x, kernel = ctx.saved_tensors
        wanted, also = ctx.needs_input_grad
        of_kernel = (x.T if wanted else 2 * x.T) @ cotangent if also else None
        return cotangent @ kernel.T if wanted else None, of_kernel


def asked(mode, wrt, under="alone"):
    runner = adapter.prepare(lambda x, kernel: Product.apply(x, kernel), {}, wrt, under)
    return adapter.in_force(mode, runner, {"x": x, "kernel": kernel}, [cotangent])[0][1]


right = [cotangent @ kernel.T, x.T @ cotangent]
together = asked("eager", ("x", "kernel"), "eager")
assert all(torch.equal(a, b) for a, b in zip(together, right, strict=True))
of_x, of_kernel = asked("alone", ("x", "kernel"))
assert torch.equal(of_x, right[0]) and torch.equal(of_kernel, 2 * right[1])
for wrt, under in ((("x",), "alone"), (("x", "kernel"), "eager")):
    try:
        asked("alone", wrt, under)
    except NotInForce as error:
        assert error.unsupported
    else:
        raise SystemExit("gradients together were taken for each alone")
"""


def test_gradients_asked_one_by_one_show_what_is_wrong_where_no_other_is_wanted():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_gradient_that_cannot_be_differentiated_again_is_refused_with_the_frameworks_reason():
    done = subprocess.run([sys.executable, "-c", TWICE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


LAID = """
import torch
from assay.adapters.framework import NotInForce, framework
from assay.adapters.torch.modules import call_module

adapter = framework("torch", "cpu")
adapter.start()
module, images = torch.nn.Conv2d(2, 3, 1), torch.ones(2, 2, 3, 3)
weight, own = torch.full((3, 2, 1, 1), 2.0), module.weight.detach().clone()


def convolved(x, kernel):
    return call_module(module, x, weight=kernel, bias=torch.zeros(3))


def constant(x, kernel):
    return x + 0


for mode in ("module", "channels_last"):
    arrays = {"x": images, "kernel": weight}
    runner = adapter.prepare(convolved, {}, ("x",), mode)
    (outputs, _), proof = adapter.in_force(mode, runner, arrays, None)
    assert proof and (outputs[0] == 4).all() and (module.weight == own).all()
    flat = {"x": images[0, 0], "kernel": weight[:, 0, 0]}
    for function, given, entered in ((convolved, arrays, "eager"), (constant, flat, mode)):
        try:
            adapter.in_force(mode, adapter.prepare(function, {}, ("x",), entered), given, None)
        except NotInForce:
            pass
        else:
            raise SystemExit(f"{function.__name__} by {entered} was taken for {mode}")
"""


def test_a_module_by_itself_and_arrays_in_another_order_show_it_and_nothing_else_passes_for_them():
    done = subprocess.run([sys.executable, "-c", LAID], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


WAYS = """
import sys
import numpy as np
from assay.adapters.framework import NotInForce, framework
from assay.adapters.keras.layers import build_layer, call_layer, dtype_of
from assay.numerics.dtypes import encode

adapter = framework(sys.argv[1], "cpu")
adapter.start()
import keras


def dense(x):
    one = keras.layers.Dense(2, use_bias=False, kernel_initializer="ones", dtype=dtype_of(x))
    return build_layer(one, x)


def call(x, built, said):
    return call_layer(built, x, kernel=2 * keras.ops.ones((3, 2), x.dtype), **said)


def unlayered(x, built, said):
    return x + 0


ways = [path for path in adapter.paths if path.under and path.name != "channels_first"]
assert len(ways) >= 11
for path in ways:
    (dtype,) = path.dtypes or ("float32",)
    x, cotangent = (adapter.load(encode(np.ones(shape, dtype))) for shape in ((3, 3), (3, 2)))
    asked = {"x": x}, [cotangent] if path.differentiates else None
    plain = adapter.construct(dense, {"x": x})
    adapter.enter(path)
    layer = adapter.construct(dense, {"x": x})
    say, silent = {"said": {"training": False}}, {"said": {}}
    absent = path.name == "training_absent"

    def prepared(function, made, said, mode=path.name):
        return adapter.prepare(function, {"built": made, **said}, ("x",), mode)

    runner = prepared(call, layer, say if absent else silent)
    (outputs, gradients), proof = adapter.in_force(path.name, runner, *asked)
    assert proof == path.shown
    name, shape, bits = adapter.unload(outputs[0])
    narrowed = sys.argv[1] == "keras[torch]" and dtype == "float64"  # finding keras-attention-float64-dtype
    assert (name, shape) == ("float32" if narrowed else dtype, (3, 2)), path
    assert bits == encode(np.full((3, 2), 6, name))[2], path
    if path.differentiates:
        own, _, bits = adapter.unload(gradients[0])
        assert (own, bits) == (dtype, encode(np.full((3, 3), 4, dtype))[2]), path
    others = [prepared(call, layer, silent, path.under), prepared(unlayered, layer, silent)]
    if path.name.startswith(("mixed", "floatx")):
        others.append(prepared(call, plain, silent))
    if "train" in path.name or path.name == "inference":
        wrong = silent if absent else {"said": {"training": path.name != "training"}}
        others.append(prepared(call, layer, wrong))
    adapter.enter(adapter.backend.paths[0])
    for other in others:
        try:
            adapter.in_force(path.name, other, {"x": x}, None)
        except NotInForce as error:
            assert error.unsupported
        else:
            raise SystemExit(f"another run was taken for one by {path.name}")
"""


@pytest.mark.parametrize("name", ["keras", "keras[jax]", "keras[torch]"])
def test_each_way_of_calling_a_layer_of_keras_shows_it_and_no_other_passes_for_it(name):
    done = subprocess.run([sys.executable, "-c", WAYS, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


MOVED = """
import sys
import numpy as np
from assay.adapters.framework import NotInForce, framework
from assay.adapters.keras.layers import build_layer, call_layer
from assay.numerics.dtypes import encode

adapter = framework(sys.argv[1], "cpu")
adapter.start()
import keras

path = adapter.path("channels_first")
values = np.arange(30, dtype=np.float32).reshape(2, 5, 3)
turned = np.eye(3, dtype=np.float32)[None, :, ::-1].copy()
x, kernel = adapter.load(encode(values)), adapter.load(encode(turned))


def convolution(x):
    return build_layer(keras.layers.Conv1D(3, 1, use_bias=False), x)


def dense(x):
    return build_layer(keras.layers.Dense(3, use_bias=False), x)


def call(x, built):
    return call_layer(built, x, kernel=kernel if len(built.kernel.shape) == 3 else kernel[0])


plain = adapter.construct(convolution, {"x": x})
adapter.enter(path)
moved, none = (adapter.construct(build, {"x": x}) for build in (convolution, dense))
assert keras.config.image_data_format() == "channels_last"
runner = adapter.prepare(call, {"built": moved}, ("x",), path.name)
((output,), (gradient,)), proof = adapter.in_force(path.name, runner, {"x": x}, [x])
assert proof == path.shown
for found in (output, gradient):
    assert adapter.unload(found) == encode(values[:, :, ::-1].copy())
adapter.enter(adapter.backend.paths[0])
for built, mode in ((plain, path.name), (moved, path.under), (none, path.name)):
    try:
        adapter.in_force(path.name, adapter.prepare(call, {"built": built}, ("x",), mode), {"x": x}, None)
    except (NotInForce, ValueError):
        pass
    else:
        raise SystemExit("another run was taken for one with channels first")
"""


@pytest.mark.parametrize("name", ["keras[jax]", "keras[torch]"])
def test_a_layer_made_for_channels_first_shows_it_and_no_other_passes_for_it(name):
    done = subprocess.run([sys.executable, "-c", MOVED, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_path_that_a_version_has_not_is_refused_with_the_first_that_has_it(monkeypatch):
    adapter = framework("torch", "cpu")
    monkeypatch.setattr(adapter, "start", lambda: None)
    monkeypatch.setattr(adapter, "versions", lambda: {"torch": "1.13.1"})
    adapter.enter(adapter.path("eager"))
    with pytest.raises(Unavailable, match=r"torch 1\.13\.1 has no path 'vmap': it came with torch 2\.0"):
        adapter.enter(adapter.path("vmap"))


def test_the_page_tells_every_path():
    page = (MAKEFILE.parent / "docs" / "paths.md").read_text("utf-8")
    names = {path.name for name in NAMES for path in framework(name, "cpu").paths}
    assert {name for name in names if f"`{name}`" not in page} == set()


STARTED = """
import sys
from assay.adapters.framework import NotInForce, framework

adapter = framework("tensorflow", "cpu")
adapter.enter(adapter.path(sys.argv[1]))
for mode in ("onednn_off", "threads"):
    try:
        print(adapter.in_force(mode, lambda inputs, cotangents: ((), ()), {}, None)[1])
    except NotInForce as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("entered", "told"),
    [
        ("onednn_off", ["oneDNN is off", "TensorFlow runs with one thread"]),
        ("threads", ["TensorFlow runs with oneDNN", "4 threads"]),
    ],
)
def test_tensorflow_says_how_it_was_started(monkeypatch, entered, told):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")  # by default it is on for some processors only
    run = [sys.executable, "-c", STARTED, entered]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()[-2:] == told


TRACE = """
import json, sys
import torch
from assay.adapters.binding import BUILT, bindings
from assay.adapters.framework import NotInForce, framework
from assay.harness.judging.expectation import Expectation
from assay.harness.plan import plan, refusal
from assay.harness.running.ask import Request
from assay.specs import all_specs

adapter = framework("torch", "cpu")
adapter.start()
adapter.settle(bindings(["torch"]).values())
compiling = torch.compile
torch.compile = lambda function, **how: compiling(function, backend="eager", **how)  # it only traces
refused, traced = {}, set()
for question in plan([all_specs()[name] for name in sys.argv[1:]], "smoke", ["float32"]):
    for binding in question.bindings:
        if not question.case.valid or binding.framework != "torch" or binding.key in traced:
            continue
        if refusal(binding, question.case):
            continue
        traced.add(binding.key)
        request = Request(Expectation(question.case), binding, None).encoded()
        inputs = {n: wire and adapter.load(wire) for n, wire in request["inputs"].items()}
        known = {**inputs, **request["parameters"]}
        given = {n: known[n] for n in binding.called_with if n not in inputs}
        if binding.build:
            given[BUILT] = adapter.construct(binding.build, {n: known[n] for n in binding.built_from})
        runner = adapter.prepare(binding.function, given, (), "compiled")
        try:
            adapter.in_force("compiled", runner, inputs, None)
        except (NotInForce, torch._dynamo.exc.TorchRuntimeError) as error:
            refused[binding.key] = str(error)
print(json.dumps(refused))
"""


NOT_WHOLE = {
    "adaptive_log_softmax:torch.nn.AdaptiveLogSoftmaxWithLoss",
    "batch_norm_folded:torch.nn.utils.fusion.fuse_conv_bn_eval",
    "batch_norm_folded:torch.nn.utils.fusion.fuse_linear_bn_eval",
    "ctc_loss:torch.nn.CTCLoss",
    "ctc_loss:torch.nn.functional.ctc_loss",
    "gaussian_nll:torch.nn.GaussianNLLLoss",
    "gaussian_nll:torch.nn.functional.gaussian_nll_loss",
    "grouped_matmul:torch.nn.functional.grouped_mm(torch.where)",
    "gumbel_softmax_hard:torch.nn.functional.gumbel_softmax(hard)",
    "local_response_norm:torch.nn.CrossMapLRN2d",
    "masked_batch_norm:torch.nn.functional.batch_norm(x[mask])",
    "packed_attention:torch.nested.nested_tensor_from_jagged",
}
"""Bindings of torch that Dynamo cannot trace whole."""


def test_calls_of_torch_can_be_compiled_whole_but_for_what_is_known():
    """Dynamo says so of its recurrent modules; folding copies modules; a mask that selects is data.

    So are the sign of a variance, the lengths of CTC, the rows of a cluster and where packed sequences end.
    What draws the same numbers twice keeps the generator's state. CrossMapLRN2d resizes an array, which
    Dynamo does not trace; its stand-in for grouped_mm takes bfloat16 alone.
    """
    asked = drawn(all_specs(), 60, always={name.partition(":")[0] for name in NOT_WHOLE})
    done = subprocess.run([sys.executable, "-c", TRACE, *asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    refused = json.loads(done.stdout.splitlines()[-1])
    recurrent = {
        key for key, reason in refused.items() if "Dynamo does not support RNN, GRU, or LSTM" in reason
    }
    assert all(re.search(r":torch\.nn\.(RNN|LSTM|GRU)(\(|$)", key) for key in recurrent)
    assert set(refused) - recurrent == NOT_WHOLE


REFUSED = """
import numpy as np
from assay.adapters.framework import NotInForce, framework
from assay.numerics.dtypes import encode

adapter = framework("tensorflow", "cpu")
adapter.start()
import tensorflow as tf

x = adapter.load(encode(np.ones((33, 5), np.float32)))


def asked(function, mode, number):
    adapter.seed(number, None)
    runner = adapter.prepare(function, {"seed": number}, ("x",), mode)
    draws = [adapter.in_force(mode, runner, {"x": x}, None)[0][0][0].numpy()]
    adapter.seed(number, None)
    return [*draws, runner({"x": x}, None)[0][0].numpy()]


def seeded(x, seed):
    return tf.nn.dropout(x, rate=0.5, seed=seed)


def stateless(x, seed):
    return tf.nn.experimental.stateless_dropout(x, rate=0.5, seed=[seed, 0])


def python(x, seed):
    return tf.ensure_shape(tf.py_function(lambda x: x, [x], x.dtype), x.shape)


for function, mode in ((seeded, "eager"), (seeded, "graph"), (stateless, "graph"), (stateless, "xla")):
    (first, again), (other, _) = asked(function, mode, 5), asked(function, mode, 6)
    assert (first == again).all(), "one seed drew twice"
    assert (first != other).any(), "two seeds drew the same"
for function, mode, reason in ((seeded, "xla", "ignores the seeds"), (python, "graph", "into Python")):
    try:
        asked(function, mode, 5)
    except NotInForce as error:
        assert reason in str(error) and error.unsupported
    else:
        raise SystemExit(f"{function.__name__} ran in mode {mode}")
"""


def test_seeds_of_tensorflow_hold_in_each_mode_or_the_mode_refuses_the_call():
    done = subprocess.run([sys.executable, "-c", REFUSED], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
