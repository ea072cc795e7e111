"""Recurrent layers of TensorFlow: the fused kernels it still ships, and cells made of primitives."""

from __future__ import annotations

from .framework import binds, tf

FORWARD = {"direction": ("forward", "the kernel runs forward only")}
HALF_OR_SINGLE = {"dtype in ('float32', 'float16')": "the kernel exists for float32 and float16 only"}
SINGLE = {"dtype == 'float32'": "the kernel exists for float32 only"}
NAN_GRADIENT = {
    "nan_gradient == 'zero' or activation == 'tanh' or data not in ('nan', 'infinities')": "relu stops NaN"
}
STORED = {
    "forget_bias": (0.0, "the second version of the kernel adds nothing to the forget gate but the bias")
}
FUNCTIONS = {
    "activation": ("tanh", "the kernel squashes its cell by tanh"),
    "recurrent_activation": ("sigmoid", "the kernel's gates are sigmoids"),
}
PLACEMENT = {
    "reset_after": (False, "the kernel applies the reset gate before the recurrent product"),
    "update": ("keep", "the kernel's update gate weighs the old state"),
    "activation": ("tanh", "the kernel's candidate is squashed by tanh"),
    "recurrent_activation": ("sigmoid", "the kernel's gates are sigmoids"),
}


@binds("simple_rnn", "tf.scan", where=NAN_GRADIENT, composition=True)
def simple_rnn(x, h, kernel, recurrent_kernel, bias, *, activation, direction):
    function = functions_of()[activation]

    def cell(h, step):
        return function(affine(step, kernel, bias) + tf.matmul(h, recurrent_kernel))

    (y,) = over_time(lambda carry, step: (cell(carry[0], step),), (h,), x, direction)
    return sequence_of(y, direction == "backward"), y[-1]


@binds("lstm", "tf.scan", composition=True)
def lstm(
    x, h, c, kernel, recurrent_kernel, bias, *, forget_bias, activation, recurrent_activation, direction
):
    squash, gate = functions_of()[activation], functions_of()[recurrent_activation]

    def cell(carry, step):
        h, c = carry
        i, f, g, o = tf.split(affine(step, kernel, bias) + tf.matmul(h, recurrent_kernel), 4, axis=-1)
        c = gate(f + forget_bias) * c + gate(i) * squash(g)
        return gate(o) * squash(c), c

    y, cells = over_time(cell, (h, c), x, direction)
    return sequence_of(y, direction == "backward"), y[-1], cells[-1]


def functions_of():
    """Functions of gates and candidates by their names."""
    return {"tanh": tf.tanh, "relu": tf.nn.relu, "sigmoid": tf.sigmoid, "hard_sigmoid": _hard_sigmoid}


def _hard_sigmoid(x):
    return tf.nn.relu6(x + 3) / 6


@binds("lstm", "tf.raw_ops.BlockLSTM", where=HALF_OR_SINGLE, fixed=FORWARD | FUNCTIONS)
def lstm_block(x, h, c, kernel, recurrent_kernel, bias, *, forget_bias):
    return block_lstm(x, h, c, kernel, recurrent_kernel, bias, forget_bias=forget_bias)


@binds("lstm", "tf.raw_ops.BlockLSTMV2", where=HALF_OR_SINGLE, fixed=FORWARD | STORED | FUNCTIONS)
def lstm_block_v2(x, h, c, kernel, recurrent_kernel, bias):
    return _block(tf.raw_ops.BlockLSTMV2, x, h, c, _joined(kernel, recurrent_kernel, bias), cell_clip=0.0)


def block_lstm(x, h, c, kernel, recurrent_kernel, bias, peepholes=None, forget_bias=0.0, cell_clip=-1.0):
    """The first version of the kernel, whose gates are in the order i, g, f, o."""
    i, f, g, o = tf.split(_joined(kernel, recurrent_kernel, bias), 4, axis=1)
    weights, options = tf.concat([i, g, f, o], axis=1), {"forget_bias": forget_bias, "cell_clip": cell_clip}
    return _block(tf.raw_ops.BlockLSTM, x, h, c, weights, peepholes, **options)


def _block(op, x, h, c, weights, peepholes=None, **options):
    wci, wcf, wco = [tf.zeros_like(h[0])] * 3 if peepholes is None else peepholes
    result = op(
        seq_len_max=tf.constant(x.shape[1], tf.int64),
        x=tf.transpose(x, (1, 0, 2)),
        cs_prev=c,
        h_prev=h,
        w=weights[:-1],
        b=weights[-1],
        wci=wci,
        wcf=wcf,
        wco=wco,
        use_peephole=peepholes is not None,
        **options,
    )
    return tf.transpose(result.h, (1, 0, 2)), result.h[-1], result.cs[-1]


def _joined(kernel, recurrent_kernel, bias):
    """All weights of a fused kernel, one row for each feature, each unit and the bias."""
    last = tf.zeros_like(kernel[:1]) if bias is None else bias[None]
    return tf.concat([kernel, recurrent_kernel, last], axis=0)


@binds("gru", "tf.scan", composition=True)
def gru(
    x,
    h,
    kernel,
    recurrent_kernel,
    bias,
    recurrent_bias,
    *,
    reset_after,
    update,
    activation,
    recurrent_activation,
    direction,
):
    weights = (kernel, recurrent_kernel, bias, recurrent_bias)
    functions = functions_of()[activation], functions_of()[recurrent_activation]

    def cell(carry, step):
        return (gru_step(step, carry[0], *weights, reset_after, update, functions),)

    (y,) = over_time(cell, (h,), x, direction)
    return sequence_of(y, direction == "backward"), y[-1]


@binds("gru", "tf.raw_ops.GRUBlockCell", where=SINGLE, fixed=FORWARD | PLACEMENT)
def gru_block(x, h, kernel, recurrent_kernel, bias, recurrent_bias):
    units = h.shape[-1]
    w_ru, w_c = tf.split(_joined(kernel, recurrent_kernel, bias), [2 * units, units], axis=1)
    states = []
    for step in tf.unstack(x, axis=1):
        h = _gru_block_cell(step, h, w_ru[:-1], w_c[:-1], w_ru[-1], w_c[-1])
        states.append(h)
    return tf.stack(states, axis=1), h


def _gru_block_cell(*inputs):
    """One step, with the gradient that TensorFlow ships as an op of its own and registers nowhere."""

    def cell(x, h_prev, w_ru, w_c, b_ru, b_c):
        weights = {"w_ru": w_ru, "w_c": w_c, "b_ru": b_ru, "b_c": b_c}
        r, u, c, h = tf.raw_ops.GRUBlockCell(x=x, h_prev=h_prev, **weights)

        def gradient(d_h):
            d_x, d_h_prev, d_c, d_ru = tf.raw_ops.GRUBlockCellGrad(
                x=x, h_prev=h_prev, r=r, u=u, c=c, d_h=d_h, **weights
            )
            d_w_ru = tf.matmul(tf.concat([x, h_prev], 1), d_ru, transpose_a=True)
            d_w_c = tf.matmul(tf.concat([x, h_prev * r], 1), d_c, transpose_a=True)
            return d_x, d_h_prev, d_w_ru, d_w_c, tf.reduce_sum(d_ru, 0), tf.reduce_sum(d_c, 0)

        return h, gradient

    return tf.custom_gradient(cell)(*inputs)


def gru_step(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, reset_after, update="keep", functions=None
):
    """The next state of a gated recurrent unit."""
    squash, gate = functions or (tf.tanh, tf.sigmoid)
    units = h.shape[-1]
    gates, candidate = tf.split(recurrent_kernel, [2 * units, units], axis=1)
    r, z, n = tf.split(affine(x, kernel, bias), 3, axis=-1)
    by_r, by_z = tf.split(tf.matmul(h, gates), 2, axis=-1)
    r, z = gate(r + by_r), gate(z + by_z)
    product = r * affine(h, candidate, recurrent_bias) if reset_after else tf.matmul(r * h, candidate)
    n = squash(n + product)
    return z * h + (1 - z) * n if update == "keep" else (1 - z) * h + z * n


def affine(x, kernel, bias):
    """``x W + b``, without b where it is None."""
    y = tf.matmul(x, kernel)
    return y if bias is None else y + bias


def over_time(cell, carry, x, direction="forward"):
    """Every carry, in the order of computation along the first axis."""
    steps = tf.transpose(x, (1, 0, 2))
    return tf.scan(cell, steps if direction == "forward" else steps[::-1], initializer=carry)


def sequence_of(y, backwards=False):
    """Outputs with the batch first, and in the order of the inputs where they were computed backwards."""
    return tf.transpose(y[::-1] if backwards else y, (1, 0, 2))
