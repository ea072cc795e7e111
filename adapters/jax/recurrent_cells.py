"""Recurrent layers of other cells in flax."""

from __future__ import annotations

from .framework import binds, jnp, linen

AS_WRITTEN = {
    "where": {"padding == 'same'": "flax pads what it sees and its state alike, whose size must stay"},
    "fixed": {
        "forget_bias": (1.0, "flax adds 1 to its forget gate"),
        "padded": (False, "flax's layer is told how long sequences are, and takes no mask"),
        "masked_output": ("zero", "and so puts out nothing else at a masked step"),
        "strides": (1, "flax strides over the state too, whose size must stay"),
        "dilation": (1, "flax's cell is not dilated"),
        "activation": ("tanh", "flax's cell is squashed by tanh"),
        "recurrent_activation": ("sigmoid", "flax's gates are sigmoids"),
    },
}


@binds(
    "minimal_gated_unit",
    "flax.linen.MGUCell",
    where={"reset != 'before'": "flax resets after the product, or not at all"},
    fixed={"update": ("keep", "flax's gate weighs the old state")},
)
def minimal_gated_unit(
    x, h, kernel, recurrent_kernel, bias, recurrent_bias, *, reset, activation, recurrent_activation
):
    (w_f, w_n), (u_f, u_n), (b_f, b_n) = (
        jnp.split(weight, 2, axis=-1) for weight in (kernel, recurrent_kernel, bias)
    )
    candidate = {} if recurrent_bias is None else {"bias": recurrent_bias}
    weights = {
        "if": {"kernel": w_f, "bias": b_f},
        "in": {"kernel": w_n, "bias": b_n},
        "hf": {"kernel": u_f},
        "hn": {"kernel": u_n, **candidate},
    }
    functions = {
        "activation_fn": getattr(linen, activation),
        "gate_fn": getattr(linen, recurrent_activation),
    }
    layer = linen.RNN(linen.MGUCell(h.shape[-1], reset_gate=reset == "after", **functions))
    given = {"params": {"cell": weights}}
    h, y = layer.apply(given, x, initial_carry=h, return_carry=True)
    return y, h


def gates_in_order(weight):
    """Gates in flax's order i, g, f, o."""
    i, f, g, o = jnp.split(weight, 4, axis=-1)
    return jnp.concatenate([i, g, f, o], axis=-1)


@binds("conv_lstm1d", "flax.linen.ConvLSTMCell", **AS_WRITTEN)
@binds("conv_lstm2d", "flax.linen.ConvLSTMCell", **AS_WRITTEN)
@binds("conv_lstm3d", "flax.linen.ConvLSTMCell", **AS_WRITTEN)
def conv_lstm(x, h, c, kernel, recurrent_kernel, bias, mask, *, direction, return_sequences):
    weights = {
        "ih": {"kernel": gates_in_order(kernel)},
        "hh": {"kernel": gates_in_order(recurrent_kernel)},
    }
    if bias is not None:
        weights["ih"]["bias"] = gates_in_order(bias)
        weights["hh"]["bias"] = jnp.zeros_like(bias)
    cell = linen.ConvLSTMCell(h.shape[-1], kernel.shape[:-2], use_bias=bias is not None)
    given = {"params": {"cell": weights}}
    layer = linen.RNN(cell, reverse=direction != "forward")
    (c, h), y = layer.apply(given, x, initial_carry=(c, h), return_carry=True)
    return y if return_sequences else y[:, -1], h, c
