"""A kernel gets the arrays that it wants, in memory that is watched, and its gradients are asked its way."""

from __future__ import annotations

import sys
import types

import numpy as np
import numpy.typing as npt
import pytest

import assay
from assay.adapters.kernel.function import Kernel, Signature, find_function, library_name
from assay.adapters.kernel.memory import GUARD, LAYOUTS, PATTERNS, Slab, differs, place, steps
from assay.numerics.dtypes import DTYPES, decode, encode
from assay.numerics.generator import Stream

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
jnp = jax.numpy

SHAPE = (3, 17)


def request(dtype="float32", layout="contiguous", pattern=PATTERNS[0], shape=SHAPE, **more):
    x = Stream("kernel").normal(shape).astype(DTYPES[dtype].storage)
    return {
        "inputs": {"x": encode(x)},
        "parameters": {},
        "expected": [(dtype, shape)],
        "layout": layout,
        "pattern": pattern,
    } | more, x


# --- which arrays ---


def numpy_annotated(x: np.ndarray) -> np.ndarray: ...
def alias_annotated(x: npt.NDArray[np.float32]): ...
def torch_annotated(x: torch.Tensor): ...
def jax_annotated(x: jax.Array): ...
def text_annotated(x: torch.Tensor, *, axis: int): ...
def unresolved(x: cp.ndarray): ...  # noqa: F821
def plain(x, *, axis=-1): ...


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (numpy_annotated, "numpy"),
        (alias_annotated, "numpy"),
        (torch_annotated, "torch"),
        (jax_annotated, "jax"),
        (text_annotated, "torch"),
        (jax.jit(jax_annotated), "jax"),
        (plain, "numpy"),
    ],
)
def test_annotations_say_which_arrays_a_kernel_wants(function, name):
    kernel = Kernel(function)
    assert kernel.library.name == name
    assert kernel.guessed == (function is plain)


@pytest.mark.parametrize(
    ("like", "name"),
    [
        ("torch", "torch"),
        ("np", "numpy"),
        (np, "numpy"),
        (torch, "torch"),
        (jnp, "jax"),
        (np.zeros(1), "numpy"),
        (torch.zeros(1), "torch"),
        (torch.Tensor, "torch"),
        (jnp.zeros(1), "jax"),
        (types.ModuleType("elsewhere.arrays"), "elsewhere.arrays"),
    ],
)
def test_like_takes_a_name_a_module_an_array_or_a_type(like, name):
    assert library_name(like) == name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("like", ["numpy", "torch", "jax"])
def test_bits_travel_exactly(like, dtype):
    asked, x = request(dtype)
    x.view(np.uint8).reshape(-1)[-x.itemsize :] = 0xFF  # a NaN with a payload of its own
    asked["inputs"]["x"] = encode(x)
    reply = Kernel(_copy, like).call(asked)
    assert decode(*reply["outputs"][0]).tobytes() == x.tobytes()


def _copy(x):
    return x.clone() if hasattr(x, "clone") else x.copy()


@pytest.mark.parametrize("like", ["numpy", "torch"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 17), (), (0, 3), (5,), (2, 3, 4)])
def test_every_layout_holds_the_same_values(like, layout, shape):
    asked, x = request(layout=layout, shape=shape)
    if layout in ("expanded", "broadcast") and x.ndim and x.size:  # which need equal samples, or elements
        x[...] = x[:1] if layout == "expanded" else x.flat[0]
        asked["inputs"]["x"] = encode(x)
    reply = Kernel(_copy, like).call(asked)
    np.testing.assert_array_equal(decode(*reply["outputs"][0]), x)
    assert (reply["changed"], reply["strayed"]) == ((), ())


def test_layouts_are_what_they_are_called():
    seen = {}
    for layout in LAYOUTS:
        asked, _ = request(layout=layout)
        Kernel(lambda x, layout=layout: seen.update({layout: (x.strides, x.ctypes.data % 64)}) or x * 2).call(
            asked
        )
    assert seen == {
        "contiguous": ((68, 4), 0),
        "offset": ((68, 4), 4),
        "strided": ((136, 8), 0),
        "transposed": ((4, 12), 0),
        "pitched": ((88, 4), 0),
        "permuted": ((68, 4), 0),
        "channels_first": ((68, 4), 0),
        "expanded": ((0, 4), 0),
        "broadcast": ((0, 0), 0),
    }
    assert steps((2, 3, 4, 5), "permuted") == (5, 10, 30, 1)
    assert steps((2, 3, 4, 5), "channels_first") == (60, 4, 1, 12)
    assert [name for name in LAYOUTS if differs((3, 1), name)] == [
        "offset",
        "strided",
        "pitched",
        "expanded",
        "broadcast",
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("byte", "distance"), [(-1, -1), (-5, -2)])
def test_a_byte_before_an_array_is_seen(layout, byte, distance):
    slab = Slab(place(SHAPE, 4, layout))
    slab.fill(PATTERNS[0], None)
    assert slab.strayed(slab.bytes, PATTERNS[0]) is None
    slab.bytes[slab.placement.offset + byte] = 0
    assert slab.strayed(slab.bytes, PATTERNS[0]) == distance


def test_a_byte_behind_an_array_or_between_its_elements_is_seen():
    slab = Slab(place(SHAPE, 4, "strided"))
    slab.fill(PATTERNS[1], None)
    last = slab.placement.offset + 4 * (2 * 3 * 17 - 1)
    slab.bytes[last + 4] = 0
    assert slab.strayed(slab.bytes, PATTERNS[1]) == 2
    slab.fill(PATTERNS[1], None)
    slab.bytes[slab.placement.offset + 4] = 0
    assert slab.strayed(slab.bytes, PATTERNS[1]) == 0
    assert GUARD >= 4 * 128 * 8


def test_equal_shapes_get_the_same_memory_with_new_values():
    seen = []
    kernel = Kernel(lambda x: seen.append((id(x), x.sum())) or x * 2)
    first, x = request()
    kernel.call(first)
    kernel.call(first | {"inputs": {"x": encode(x + 1)}})
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]


def test_memory_that_a_kernel_allocates_is_poisoned():
    for pattern in PATTERNS:
        asked, _ = request(pattern=pattern, shape=(64, 64))
        reply = Kernel(np.empty_like).call(asked)
        left = np.unique(np.frombuffer(reply["outputs"][0][2], np.uint8))
        assert set(left) <= {pattern, 0xFE}


def test_a_guess_is_told_where_it_may_be_wrong():
    asked, _ = request()
    error = Kernel(lambda x: x.relu()).call(asked)["error"]
    assert "AttributeError" in error
    assert "say like='torch'" in error


@pytest.mark.parametrize(
    ("function", "names", "keywords"),
    [
        (plain, ("x",), ("axis",)),
        (lambda x, axis=-1: x, ("x", "axis"), ()),
        (lambda x, /, y, *, out: x, ("x", "y"), ("out",)),
    ],
)
def test_a_signature_says_what_can_be_given(function, names, keywords):
    found = Signature.of(function)
    assert (found.names, found.keywords, found.writes) == (names, keywords, "out" in keywords)


def test_a_file_or_function_that_is_missing_is_said(tmp_path):
    with pytest.raises(ValueError, match="there is no Python file"):
        find_function(tmp_path / "nowhere.py", "f")
    (tmp_path / "some.py").write_text("def relu(x): ...\nvalue = 3\n")
    with pytest.raises(ValueError, match="has no function 'gelu'; it has relu"):
        find_function(tmp_path / "some.py", "gelu")


# --- gradients ---


class Double(torch.autograd.Function):
    factor = 1.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.relu(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return Double.factor * gradient * (x > 0)


def autograd_relu(x: torch.Tensor) -> torch.Tensor:
    return Double.apply(x)


@jax.custom_vjp
def jax_relu(x: jax.Array) -> jax.Array:
    return jnp.maximum(x, 0)


def _forward(x):
    return jnp.maximum(x, 0), x


def _backward(x, cotangent):
    return (cotangent * (x > 0),)


jax_relu.defvjp(_forward, _backward)


@pytest.mark.parametrize("dtypes", ["float32", "bfloat16", "float16", "float64"])
def test_autograd_and_jax_gradients_are_asked(dtypes):
    for kernel in (autograd_relu, jax_relu):
        data = assay.check(
            kernel, "relu", like=None if kernel is autograd_relu else "jax", dtypes=dtypes
        ).data
        assert data.passed, data.findings
        passed = {line.check: line.passed for line in data.lines}
        assert passed["gradients"] == len(data.asked)


def test_a_wrong_backward_is_found(monkeypatch):
    monkeypatch.setattr(Double, "factor", 2.0)
    (finding,) = assay.check(autograd_relu, "relu").data.findings
    assert finding.check == "gradients"
    assert "all are off by one factor: 2" in finding.patterns


def test_a_kernel_without_gradient_is_told_apart_from_a_wrong_one():
    def detached(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x.detach())

    data = assay.check(detached, "relu").data
    assert data.passed
    assert "inside a torch.autograd.Function" in data.facts["gradients"]
    (finding,) = assay.check(detached, "relu", gradients=True).data.findings
    assert finding.check == "gradients"


def test_a_backward_that_raises_on_some_sizes_is_no_missing_gradient(monkeypatch):
    right = Double.backward

    def raises_on_long_rows(ctx, gradient):
        if gradient.shape[-1] > 64:
            raise IndexError("tile out of range")
        return right(ctx, gradient)

    monkeypatch.setattr(Double, "backward", staticmethod(raises_on_long_rows))
    (finding,) = assay.check(autograd_relu, "relu").data.findings
    assert finding.check == "gradients"
    assert "tile out of range" in finding.message


def test_gradients_can_be_left_out():
    data = assay.check(autograd_relu, "relu", gradients=False).data
    assert next(line for line in data.lines if line.check == "gradients").note == "not asked: gradients=False"


# --- other arrays ---


class Alien:
    """An array of which only DLPack is known."""

    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


@pytest.fixture
def alien(monkeypatch):
    module = types.ModuleType("alien")
    module.from_dlpack = lambda array: Alien(np.from_dlpack(array))
    monkeypatch.setitem(sys.modules, "alien", module)
    return module


def test_any_module_with_from_dlpack_will_do(alien):
    data = assay.check(lambda x: Alien(np.maximum(x.array, 0)), "relu", like=alien).data
    assert data.passed, data.findings
    assert data.library == "alien"


def test_bfloat16_is_not_sent_by_dlpack(alien):
    (finding,) = assay.check(lambda x: x, "relu", like=alien, dtypes="bfloat16").data.findings
    assert "bfloat16 cannot be given to alien" in finding.message


class Pointer:
    def __init__(self, array, offset=0):
        self.array, self.offset = array, offset

    def __add__(self, offset):
        return Pointer(self.array, self.offset + offset)


class Cupyish(np.ndarray):
    """NumPy in CuPy's clothes: its constructor and what else of CuPy is used."""

    def __new__(cls, shape, dtype, memory, strides=None):
        return np.ndarray.__new__(cls, shape, dtype, memory.array.base_bytes, memory.offset, strides)

    def get(self):
        return np.array(self)


class Raw:
    def __init__(self, host):
        self.base_bytes = host.copy()
        self.data = Pointer(self)

    def set(self, host):
        self.base_bytes[...] = host

    def get(self):
        return self.base_bytes.copy()


@pytest.fixture
def cupy(monkeypatch):
    """A stand-in, since CuPy needs a GPU to be imported."""
    module = types.ModuleType("cupy")
    module.ndarray = Cupyish
    module.asarray = Raw
    module.full = np.full
    module.may_share_memory = np.may_share_memory
    module.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace(deviceSynchronize=lambda: None))
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_arrays_of_cupy_are_watched_on_their_device(cupy):
    data = assay.check(lambda x: np.maximum(x, 0).view(Cupyish), "relu", like="cupy", device="cuda").data
    assert data.passed, data.findings

    def changes(x):
        y = np.maximum(x, 0).view(Cupyish)
        x[...] = 0
        return y

    found = assay.check(changes, "relu", like="cupy", device="cuda", shrink=False).data.findings
    assert [finding.check for finding in found] == ["inputs"]
