"""LSTMs of flax over padded sequences and in both directions, and masked in a scan of JAX itself."""

from __future__ import annotations

from typing import Any

from .framework import binds, jax, jnp, linen, nnx
from .recurrent import affine, assign, lstm_weights

FORWARD = {
    "direction == 'forward'": "jax.experimental.rnn runs backwards only in a bidirectional layer",
    "reversal == 'whole'": "forward there is nothing to turn round",
}
LENGTHS = {"marked_by == 'lengths'": "the layer takes lengths"}
VALID = {
    "direction == 'forward' or reversal == 'valid'": "flax turns round what counts, and the padding stays"
}
COMPUTED = {"masked_output == 'computed'": "flax goes on through the padding, and picks the carry out later"}
ZERO = {"masked_output == 'zero'": "jax.experimental.rnn puts zeros past the end"}
MASKED = {
    "masked_output != 'computed'": "the scan masks the carry",
    "direction == 'forward' or reversal == 'whole'": "the scan turns everything round",
}
JOINED = {"merge == 'concat'": "jax.experimental.rnn joins the two directions"}
PADDED = {"not padded or masked_output == 'computed'": COMPUTED["masked_output == 'computed'"]}


@binds("masked_lstm", "flax.nnx.RNN", where=LENGTHS | COMPUTED | VALID)
def masked_lstm_nnx(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    layer = nnx.RNN(
        _cell(kernel, recurrent_kernel, bias),
        reverse=direction != "forward",
        keep_order=direction == "backward",
    )
    (c, h), y = layer(x, initial_carry=(c, h), seq_lengths=lengths, return_carry=True)
    return y if return_sequences else y[:, -1], h, c


@binds("masked_lstm", "flax.linen.RNN", where=LENGTHS | COMPUTED | VALID)
def masked_lstm_linen(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    layer = linen.RNN(
        linen.OptimizedLSTMCell(h.shape[-1]),
        reverse=direction != "forward",
        keep_order=direction == "backward",
    )
    weights = {"params": {"cell": lstm_weights(kernel, recurrent_kernel, bias)}}
    (c, h), y = layer.apply(weights, x, initial_carry=(c, h), seq_lengths=lengths, return_carry=True)
    return y if return_sequences else y[:, -1], h, c


@binds("masked_lstm", "jax.experimental.rnn.lstm_ref", where=FORWARD | LENGTHS | ZERO)
def masked_lstm_experimental(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, return_sequences: bool,
) -> Any:  # fmt: skip
    y, h, c = _lstm_ref(x, h[None], c[None], kernel[None], recurrent_kernel[None], bias[None], lengths)
    return y if return_sequences else y[:, -1], h[0], c[0]


@binds("masked_lstm", "jax.lax.scan(jnp.where)", where=MASKED, composition=True)
def masked_lstm(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, mask: Any,
    *, masked_output: str, direction: str, return_sequences: bool,
) -> Any:  # fmt: skip
    if mask is None:
        mask = jnp.arange(x.shape[1]) < lengths[:, None]

    def step(carry: Any, given: Any) -> Any:
        (y, h, c), (at, counts) = carry, given
        i, f, g, o = jnp.split(affine(at, kernel, bias) + h @ recurrent_kernel, 4, axis=-1)
        new_c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        new_h = jax.nn.sigmoid(o) * jnp.tanh(new_c)
        y = jnp.where(counts, new_h, {"repeat": y, "state": h, "zero": 0}[masked_output])
        return (y, jnp.where(counts, new_h, h), jnp.where(counts, new_c, c)), y

    given = jnp.swapaxes(x, 0, 1), jnp.swapaxes(mask[..., None], 0, 1)
    (last, h, c), y = jax.lax.scan(step, (jnp.zeros_like(h), h, c), given, reverse=direction != "forward")
    if not return_sequences:
        return last, h, c
    return jnp.swapaxes(y[::-1] if direction == "backward_reversed" else y, 0, 1), h, c


@binds("bidirectional_lstm", "flax.nnx.Bidirectional", where=PADDED)
def bidirectional_lstm_nnx(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    *, merge: str, returns: str,
) -> Any:  # fmt: skip
    forward, backward = (nnx.RNN(_cell(kernel[n], recurrent_kernel[n], bias[n])) for n in range(2))
    layer = nnx.Bidirectional(forward, backward, merge_fn=MERGES[merge], return_carry=True)
    carries, y = layer(x, initial_carry=((c[0], h[0]), (c[1], h[1])), seq_lengths=lengths)
    return _ends(carries, y, merge, returns)


@binds("bidirectional_lstm", "flax.linen.Bidirectional", where=PADDED)
def bidirectional_lstm_linen(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    *, merge: str, returns: str,
) -> Any:  # fmt: skip
    units = h.shape[-1]
    forward, backward = (linen.RNN(linen.OptimizedLSTMCell(units), name=f"rnn{n}") for n in range(2))
    layer = linen.Bidirectional(forward, backward, merge_fn=MERGES[merge], return_carry=True)
    weights = {
        f"{name}_rnn": {"cell": lstm_weights(kernel[n], recurrent_kernel[n], bias[n])}
        for n, name in enumerate(("forward", "backward"))
    }
    carries, y = layer.apply(
        {"params": weights}, x, initial_carry=((c[0], h[0]), (c[1], h[1])), seq_lengths=lengths
    )
    return _ends(carries, y, merge, returns)


@binds("bidirectional_lstm", "jax.experimental.rnn.lstm_ref(bidirectional)", where=JOINED | ZERO)
def bidirectional_lstm_experimental(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any, *, returns: str
) -> Any:
    y, h, c = _lstm_ref(x, h, c, kernel, recurrent_kernel, bias, lengths, bidirectional=True)
    return {"sequence": y, "ends": jnp.concatenate([h[0], h[1]], -1), "last_step": y[:, -1]}[returns], h, c


MERGES = {
    "concat": lambda f, b: jnp.concatenate([f, b], axis=-1),
    "sum": lambda f, b: f + b,
    "mul": lambda f, b: f * b,
    "ave": lambda f, b: (f + b) / 2,
}


def _ends(carries: Any, y: Any, merge: str, returns: str) -> Any:
    (c_forward, h_forward), (c_backward, h_backward) = carries
    h, c = jnp.stack([h_forward, h_backward]), jnp.stack([c_forward, c_backward])
    return {"sequence": y, "ends": MERGES[merge](*h), "last_step": y[:, -1]}[returns], h, c


def _cell(kernel: Any, recurrent_kernel: Any, bias: Any) -> Any:
    cell = nnx.OptimizedLSTMCell(
        len(kernel), len(recurrent_kernel), param_dtype=kernel.dtype, rngs=nnx.Rngs(0)
    )
    assign(cell.dense_i, kernel)
    assign(cell.dense_h, recurrent_kernel, bias)
    return cell


def _lstm_ref(
    x: Any, h: Any, c: Any, kernel: Any, recurrent_kernel: Any, bias: Any, lengths: Any,
    layers: int = 1, bidirectional: bool = False,
) -> Any:  # fmt: skip
    from jax.experimental import rnn

    lengths = jnp.full(len(x), x.shape[1], jnp.int32) if lengths is None else lengths
    return rnn.lstm_ref(
        x, h, c, {n: w.T for n, w in enumerate(kernel)}, {n: u.T for n, u in enumerate(recurrent_kernel)},
        dict(enumerate(bias)), dict(enumerate(jnp.zeros_like(bias))), lengths, x.shape[-1], h.shape[-1],
        layers, 0.0, bidirectional,
    )  # fmt: skip


@binds("stacked_lstm", "flax.nnx.RNN", composition=True)
def stacked_lstm_nnx(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    carries = []
    for n, of_layer in enumerate((kernel, *upper_kernels)):
        layer = nnx.RNN(_cell(of_layer, recurrent_kernel[n], bias[n]))
        carry, x = layer(x, initial_carry=(c[n], h[n]), return_carry=True)
        carries.append(carry)
    final_c, final_h = zip(*carries, strict=True)
    return x, jnp.stack(final_h), jnp.stack(final_c)


@binds("stacked_lstm", "jax.experimental.rnn.lstm_ref(num_layers)")
def stacked_lstm_experimental(
    x: Any, h: Any, c: Any, kernel: Any, upper_kernels: Any, recurrent_kernel: Any, bias: Any
) -> Any:
    return _lstm_ref(x, h, c, (kernel, *upper_kernels), recurrent_kernel, bias, None, layers=len(h))


@binds(
    "stateful_lstm",
    "flax.nnx.RNN",
    where={"kept_by == 'caller'": "a layer of flax keeps no carry: its caller hands it on"},
)
def stateful_lstm_nnx(
    x: Any, other: Any, later: Any, kernel: Any, recurrent_kernel: Any, bias: Any, *, between: str
) -> Any:
    layer = nnx.RNN(_cell(kernel, recurrent_kernel, bias), return_carry=True, rngs=nnx.Rngs(0))
    carry, y = layer(x)
    if between == "predict":
        layer(other)
    (c, h), y_later = layer(later) if between == "reset" else layer(later, initial_carry=carry)
    return y, y_later, h, c
