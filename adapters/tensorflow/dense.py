"""Dense layers of TensorFlow: put together, since the layer itself is Keras's."""

from __future__ import annotations

from .framework import binds, function, tf


@binds("dense", "tf.linalg.matmul", composition=True)
def dense(x, kernel, bias):
    y = tf.linalg.matmul(x, kernel)
    return y if bias is None else tf.nn.bias_add(y, bias)


function(
    "dense",
    "tf.nn.bias_add",
    on="tf.linalg.matmul(x, kernel), bias",
    where={"use_bias": "adds a bias"},
)


@binds(
    "masked_dense",
    "tf.linalg.matmul",
    fixed={"masking": ("product", "the weights are multiplied by the mask")},
    composition=True,
)
def masked_dense(x, kernel, mask, bias):
    return dense(x, kernel * tf.cast(mask, kernel.dtype), bias)


@binds("masked_dense", "tf.where", fixed={"masking": ("selected", "zeros are selected")}, composition=True)
def masked_dense_selected(x, kernel, mask, bias):
    return dense(x, tf.where(mask, kernel, tf.zeros_like(kernel)), bias)


@binds("bilinear", "tf.einsum", composition=True)
def bilinear(left, right, kernel, bias):
    y = tf.einsum("bi,uij,bj->bu", left, kernel, right)
    return y if bias is None else tf.nn.bias_add(y, bias)


EQUATIONS = {"last": "btf,fhu->bthu", "two": "btf,tfu->bu", "each": "btf,tfu->btu"}
function(
    "einsum_dense",
    "tf.einsum",
    on="EQUATIONS[contracts], x, kernel",
    where={"not use_bias": "has no bias"},
    unused=("bias",),
)
