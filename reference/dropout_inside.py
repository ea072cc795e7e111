"""Dropout inside layers: in the products of a recurrent layer, around its cell, and of attention weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from .activations import softmax, softmax_vjp
from .checks import Array, require, require_mask, require_rank, require_shape
from .lstm_variants import layer_norm_lstm, layer_norm_lstm_vjp
from .recurrent_sequences import stacked_lstm, stacked_lstm_vjp
from .steps import Carry, affine, bias_gradient, check_layer, logistic_slope, total

__all__ = [
    "attention_dropout",
    "attention_dropout_vjp",
    "gru_dropout",
    "gru_dropout_vjp",
    "layer_norm_lstm_update_dropout",
    "layer_norm_lstm_update_dropout_vjp",
    "lstm_dropout",
    "lstm_dropout_vjp",
    "lstm_dropout_wrapper",
    "lstm_dropout_wrapper_vjp",
    "lstm_update_dropout",
    "lstm_update_dropout_vjp",
    "simple_rnn_dropout",
    "simple_rnn_dropout_vjp",
    "stacked_lstm_dropout",
    "stacked_lstm_dropout_vjp",
]


def lstm_dropout(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    input_mask: Array | None = None,
    recurrent_mask: Array | None = None,
    *,
    rate: float = 0.0,
    recurrent_rate: float = 0.0,
    training: bool = True,
) -> Carry:
    """Long short-term memory with dropout in the products of its gates.

    ``z = (xₜ ∘ m) W / (1 - rate) + (hₜ₋₁ ∘ m') U / (1 - recurrent_rate) + b`` in each gate, with its masks;
    then ``cₜ = σ(z_f) cₜ₋₁ + σ(zᵢ) tanh(z_g)`` and ``hₜ = σ(zₒ) tanh(cₜ)`` as in `lstm`

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: U, ``(units, 4 units)``.
        bias: b, ``(4 units,)``.
        input_mask: m, whether each feature is kept, ``(batch, time, gates, features)``, of length 1 along
            time or gates (4 otherwise) where these share it. Not needed at inference, nor at rate 0.
        recurrent_mask: m', the same of the hidden state, ``(batch, time, gates, units)``.
        rate: probability in [0, 1) that a feature is dropped.
        recurrent_rate: probability in [0, 1) that a unit of the hidden state is dropped.
        training: False for inference.

    Returns:
        The hidden states ``(batch, time, units)``, and the last hidden and cell state ``(batch, units)``,
        none of them dropped.

    Raises:
        ValueError: a shape does not fit, a rate is out of range, or a mask is missing.

    Source: Gal and Ghahramani (2016), A theoretically grounded application of dropout in recurrent neural
    networks, arXiv:1512.05287, equations 5 to 7 ("untied" and "tied" weights: masks by gate and shared).
    """
    masks = _masks_of_products(input_mask, recurrent_mask, rate, recurrent_rate, training)
    return _DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).outputs


def lstm_dropout_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    input_mask: Array | None,
    recurrent_mask: Array | None,
    cotangents: tuple[Array, Array, Array],
    *,
    rate: float = 0.0,
    recurrent_rate: float = 0.0,
    training: bool = True,
) -> Carry:
    """Gradient of `lstm_dropout`: backpropagation through time, through the same masks."""
    masks = _masks_of_products(input_mask, recurrent_mask, rate, recurrent_rate, training)
    return _DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).vjp(cotangents)[:6]


def gru_dropout(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None = None,
    input_mask: Array | None = None,
    recurrent_mask: Array | None = None,
    *,
    rate: float = 0.0,
    recurrent_rate: float = 0.0,
    reset_after: bool = True,
    training: bool = True,
) -> Carry:
    """Gated recurrent unit with dropout in the products of its gates.

    In each gate ``(xₜ ∘ m) W / (1 - rate)`` and ``(hₜ₋₁ ∘ m') U / (1 - recurrent_rate)`` stand for the
    products of `gru`, with its masks. The reset gate acts on that of the candidate, or before it on
    ``hₜ₋₁ ∘ m'``; what is kept of the old state, ``hₜ = z hₜ₋₁ + (1 - z) n``, is not dropped

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        kernel: W, ``(features, 3 units)``, gates in the order r, z, n.
        recurrent_kernel: U, ``(units, 3 units)``.
        bias: b, ``(3 units,)``.
        recurrent_bias: of the candidate's product inside the reset, ``(units,)``; None where it comes before.
        input_mask: m, whether each feature is kept, ``(batch, time, gates, features)``, of length 1 along
            time or gates (3 otherwise) where these share it. Not needed at inference, nor at rate 0.
        recurrent_mask: m', the same of the hidden state, ``(batch, time, gates, units)``.
        rate: probability in [0, 1) that a feature is dropped.
        recurrent_rate: probability in [0, 1) that a unit of the hidden state is dropped.
        reset_after: apply the reset gate after the recurrent product.
        training: False for inference.

    Returns:
        The hidden states ``(batch, time, units)``, and the last one ``(batch, units)``, not dropped.

    Raises:
        ValueError: a shape does not fit, a rate is out of range, or ``recurrent_bias`` is missing where the
            reset comes after the product, or given where it comes before.

    Source: Gal and Ghahramani (2016), arXiv:1512.05287, section 4, in the cell of Cho et al. (2014),
    arXiv:1406.1078.
    """
    masks = _masks_of_products(input_mask, recurrent_mask, rate, recurrent_rate, training)
    return _DroppingGRU(x, h, kernel, recurrent_kernel, bias, recurrent_bias, reset_after, masks).outputs


def gru_dropout_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    recurrent_bias: Array | None,
    input_mask: Array | None,
    recurrent_mask: Array | None,
    cotangents: tuple[Array, Array],
    *,
    rate: float = 0.0,
    recurrent_rate: float = 0.0,
    reset_after: bool = True,
    training: bool = True,
) -> tuple[Array | None, ...]:
    """Gradient of `gru_dropout`: backpropagation through time, through the same masks."""
    masks = _masks_of_products(input_mask, recurrent_mask, rate, recurrent_rate, training)
    layer = _DroppingGRU(x, h, kernel, recurrent_kernel, bias, recurrent_bias, reset_after, masks)
    *gradients, of_recurrent_bias = layer.vjp(cotangents)
    return *gradients, of_recurrent_bias if reset_after else None


def simple_rnn_dropout(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    input_mask: Array | None = None,
    recurrent_mask: Array | None = None,
    *,
    rate: float = 0.0,
    recurrent_rate: float = 0.0,
    training: bool = True,
) -> Carry:
    """Fully connected recurrent layer with dropout in its products.

    ``hₜ = tanh((xₜ ∘ m) W / (1 - rate) + (hₜ₋₁ ∘ m') U / (1 - recurrent_rate) + b)``

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        kernel: W, ``(features, units)``.
        recurrent_kernel: U, ``(units, units)``.
        bias: b, ``(units,)``.
        input_mask: m, whether each feature is kept, ``(batch, time, features)``, of length 1 along time where
            steps share it. Not needed at inference, nor at rate 0.
        recurrent_mask: m', the same of the hidden state, ``(batch, time, units)``.
        rate: probability in [0, 1) that a feature is dropped.
        recurrent_rate: probability in [0, 1) that a unit of the hidden state is dropped.
        training: False for inference.

    Returns:
        The hidden states ``(batch, time, units)``, and the last one ``(batch, units)``, not dropped.

    Raises:
        ValueError: a shape does not fit, or a rate is out of range.

    Source: Gal and Ghahramani (2016), arXiv:1512.05287, section 4.
    """
    return _dropping_rnn(
        x, h, kernel, recurrent_kernel, bias, input_mask, recurrent_mask, rate, recurrent_rate, training
    ).outputs


def simple_rnn_dropout_vjp(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    input_mask: Array | None,
    recurrent_mask: Array | None,
    cotangents: tuple[Array, Array],
    *,
    rate: float = 0.0,
    recurrent_rate: float = 0.0,
    training: bool = True,
) -> Carry:
    """Gradient of `simple_rnn_dropout`: backpropagation through time, through the same masks."""
    layer = _dropping_rnn(
        x, h, kernel, recurrent_kernel, bias, input_mask, recurrent_mask, rate, recurrent_rate, training
    )
    return layer.vjp(cotangents)[:-1]


def lstm_update_dropout(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    update_mask: Array | None = None,
    *,
    rate: float = 0.0,
    training: bool = True,
    dropping: str = "update",
) -> Carry:
    """Long short-term memory that drops elements of its update, so that memory is never lost.

    ``cₜ = f cₜ₋₁ + i (m ∘ g) / (1 - rate)``, all else as in `lstm`

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: U, ``(units, 4 units)``.
        bias: b, ``(4 units,)``.
        update_mask: m, whether each unit is updated, ``(batch, time, units)``, of length 1 along time where
            steps share it. Not needed at inference, nor at rate 0.
        rate: probability in [0, 1) that an element is dropped.
        training: False for inference.
        dropping: the ``update``, or the ``cell`` itself, ``cₜ = m ∘ (f cₜ₋₁ + i g) / (1 - rate)``, with which
            the paper compares it.

    Returns:
        The hidden states ``(batch, time, units)``, and the last hidden and cell state ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, the rate is out of range, the mask is missing, or ``dropping`` is
            unknown.

    Source: Semeniuta, Severyn and Barth (2016), Recurrent dropout without memory loss, arXiv:1603.05118,
    equations 5 and 9; the comparison is Moon et al. (2015), RNNDrop.
    """
    masks = _update_masks(dropping, update_mask, rate, training)
    return _DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).outputs


def lstm_update_dropout_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    update_mask: Array | None,
    cotangents: tuple[Array, Array, Array],
    *,
    rate: float = 0.0,
    training: bool = True,
    dropping: str = "update",
) -> Carry:
    """Gradient of `lstm_update_dropout`: backpropagation through time, through the same mask."""
    masks = _update_masks(dropping, update_mask, rate, training)
    return _DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).vjp(cotangents)[:6]


def layer_norm_lstm_update_dropout(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    scale: Array,
    cell_scale: Array,
    cell_bias: Array,
    update_mask: Array | None = None,
    *,
    rate: float = 0.0,
    training: bool = True,
    carried: str = "cell",
    epsilon: float = 1e-5,
) -> Carry:
    """Long short-term memory with layer normalization inside, and dropout of its update.

    ``c' = f cₜ₋₁ + i (m ∘ g) / (1 - rate)`` and ``hₜ = o tanh(LN(c'; cell_scale, cell_bias))``, with the
    gates of `layer_norm_lstm`, each normalized by itself: dropped is what comes out of the candidate's tanh

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: U, ``(units, 4 units)``.
        bias: b, ``(4 units,)``, added to what is normalized; a forget bias is part of it.
        scale: of the gates, ``(4 units,)``.
        cell_scale: ``(units,)``.
        cell_bias: ``(units,)``.
        update_mask: m, whether each unit is updated, ``(batch, time, units)``, of length 1 along time where
            steps share it. Not needed at inference, nor at rate 0.
        rate: probability in [0, 1) that an element is dropped.
        training: False for inference.
        carried: ``cell``, where c' goes on to the next step; or ``normalized``, where it is ``LN(c')``.
        epsilon: added to the variance, inside the root.

    Returns:
        The hidden states ``(batch, time, units)``, and the last hidden and cell state ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, the rate is out of range, or ``carried`` is unknown.

    Source: Semeniuta, Severyn and Barth (2016), arXiv:1603.05118, in the cell of Ba, Kiros and Hinton (2016),
    arXiv:1607.06450; together ``dropout_keep_prob`` of ``tf.contrib.rnn.LayerNormBasicLSTMCell``.
    """
    mask = _Mask("update_mask", update_mask, rate, training)
    mask.check((*x.shape[:2], h.shape[-1]), "batch, time, units")
    weights = (kernel, recurrent_kernel, bias, scale, None, cell_scale, cell_bias)
    return layer_norm_lstm(x, h, c, *weights, carried=carried, epsilon=epsilon, drop=mask)


def layer_norm_lstm_update_dropout_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    scale: Array,
    cell_scale: Array,
    cell_bias: Array,
    update_mask: Array | None,
    cotangents: tuple[Array, Array, Array],
    *,
    rate: float = 0.0,
    training: bool = True,
    carried: str = "cell",
    epsilon: float = 1e-5,
) -> tuple[Array | None, ...]:
    """Gradient of `layer_norm_lstm_update_dropout`: that of the layer, the candidate's under the mask."""
    mask = _Mask("update_mask", update_mask, rate, training)
    weights = (kernel, recurrent_kernel, bias, scale, None, cell_scale, cell_bias)
    gradients = layer_norm_lstm_vjp(
        x, h, c, *weights, cotangents, carried=carried, epsilon=epsilon, drop=mask
    )
    return *gradients[:7], *gradients[8:]  # without that of a recurrent scale


def lstm_dropout_wrapper(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    input_mask: Array | None = None,
    output_mask: Array | None = None,
    state_mask: Array | None = None,
    cell_mask: Array | None = None,
    *,
    rate: float = 0.0,
    training: bool = True,
) -> Carry:
    """Dropout wrapped around a cell of long short-term memory: on what enters it and on what leaves it.

    ``h̃, c̃ = cell(xₜ ∘ m / (1 - rate), hₜ₋₁, cₜ₋₁)``, then ``yₜ = h̃ ∘ m' / (1 - rate)`` is given out and
    ``hₜ = h̃ ∘ m″ / (1 - rate)`` and ``cₜ = c̃ ∘ m‴ / (1 - rate)`` are carried on, each only if it has a mask

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden state, ``(batch, units)``, which is not dropped.
        c: initial cell state, ``(batch, units)``.
        kernel: W, ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: U, ``(units, 4 units)``.
        bias: b, ``(4 units,)``.
        input_mask: m, whether each feature is kept, ``(batch, time, features)``, of length 1 along the batch
            or along time where these share it.
        output_mask: m', the same of what is given out, ``(batch, time, units)``.
        state_mask: m″, the same of the hidden state that is carried on.
        cell_mask: m‴, the same of the cell state.
        rate: probability in [0, 1) that an element is dropped.
        training: False for inference.

    Returns:
        What is given out ``(batch, time, units)``, and the hidden and the cell state that are carried on from
        the last step, ``(batch, units)``.

    Raises:
        ValueError: a shape does not fit, or the rate is out of range.

    Source: Zaremba, Sutskever and Vinyals (2014), arXiv:1409.2329, section 3.2, of inputs and outputs; Gal
    and Ghahramani (2016), arXiv:1512.05287, of states, with masks that all steps share.
    """
    masks = _masks_around(input_mask, output_mask, state_mask, cell_mask, rate, training)
    return _DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).outputs


def lstm_dropout_wrapper_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    input_mask: Array | None,
    output_mask: Array | None,
    state_mask: Array | None,
    cell_mask: Array | None,
    cotangents: tuple[Array, Array, Array],
    *,
    rate: float = 0.0,
    training: bool = True,
) -> Carry:
    """Gradient of `lstm_dropout_wrapper`: backpropagation through time, through the same masks."""
    masks = _masks_around(input_mask, output_mask, state_mask, cell_mask, rate, training)
    return _DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).vjp(cotangents)[:6]


def stacked_lstm_dropout(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    mask: Array | None = None,
    *,
    rate: float = 0.0,
    training: bool = True,
) -> Carry:
    """Long short-term memories in layers, with dropout between them.

    ``y⁰ = x``, ``yⁿ = lstmₙ(yⁿ⁻¹ ∘ mₙ₋₁ / (1 - rate))`` from the second layer on: neither what the first is
    fed nor what the last gives out is dropped, nor any carry

    Args:
        x: ``(batch, time, features)``, at least one step.
        h: initial hidden states, ``(layers, batch, units)``.
        c: initial cell states, ``(layers, batch, units)``.
        kernel: of the lowest layer, ``(features, 4 units)``, gates in the order i, f, g, o.
        upper_kernels: of the others, ``(layers - 1, units, 4 units)``.
        recurrent_kernel: ``(layers, units, 4 units)``.
        bias: ``(layers, 4 units)``.
        mask: m, whether each unit is kept, ``(batch, layers - 1, time, units)``, of length 1 along time where
            steps share it. Not needed at inference, nor at rate 0.
        rate: probability in [0, 1) that an element is dropped.
        training: False for inference.

    Returns:
        The hidden states of the uppermost layer ``(batch, time, units)``, and the hidden and the cell states
        that each layer computed last, ``(layers, batch, units)``.

    Raises:
        ValueError: a shape does not fit, or the rate is out of range.

    Source: Zaremba, Sutskever and Vinyals (2014), arXiv:1409.2329, section 3.2, with the same mask at all
    steps Gal and Ghahramani (2016), arXiv:1512.05287; the ``dropout`` argument of ``torch.nn.LSTM``.
    """
    between = _between(x, h, mask, rate, training)
    return stacked_lstm(x, h, c, kernel, upper_kernels, recurrent_kernel, bias, drop=between)


def stacked_lstm_dropout_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    upper_kernels: Array,
    recurrent_kernel: Array,
    bias: Array,
    mask: Array | None,
    cotangents: Carry,
    *,
    rate: float = 0.0,
    training: bool = True,
) -> Carry:
    """Gradient of `stacked_lstm_dropout`: that of the layers, between them through the same masks."""
    weights, between = (kernel, upper_kernels, recurrent_kernel, bias), _between(x, h, mask, rate, training)
    return stacked_lstm_vjp(x, h, c, *weights, cotangents, drop=between)


def _between(x: Array, h: Array, mask: Array | None, rate: float, training: bool) -> _Mask:
    between = _Mask("mask", mask, rate, training)
    require_rank("h", h, 3, "layers, batch, units")
    layers, batch, units = h.shape
    between.check((batch, layers - 1, x.shape[1], units), "batch, layers - 1, time, units")
    return between


def attention_dropout(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None = None,
    *,
    rate: float = 0.0,
    training: bool = True,
) -> Array:
    """Scaled dot-product attention whose weights are dropped.

    ``y_q = Σₖ w_qk m_qk vₖ / (1 - rate)`` with ``w_q = softmax(⟨q, k⟩ / √depth)``: after the softmax, so that
    the weights that are left do not sum to one

    Args:
        query: ``(batch, queries, heads, depth)``.
        key: ``(batch, keys, heads, depth)``.
        value: ``(batch, keys, heads, values)``.
        mask: m, whether each weight is kept, ``(batch, heads, queries, keys)``, of length 1 along batch or
            heads where these share it. Not needed at inference, nor at rate 0.
        rate: probability in [0, 1) that a weight is dropped.
        training: False for inference.

    Returns:
        ``(batch, queries, heads, values)``

    Raises:
        ValueError: a shape does not fit, or the rate is out of range.

    Source: Vaswani et al. (2017), arXiv:1706.03762; of the weights in its authors' tensor2tensor,
    ``attention_dropout``.
    """
    weights = softmax(_products(query, key), axis=-1)
    return np.einsum("bhqk,bkhv->bqhv", _mask_of(mask, weights, rate, training)(0, weights), value)


def attention_dropout_vjp(
    query: Array,
    key: Array,
    value: Array,
    mask: Array | None,
    cotangent: Array,
    *,
    rate: float = 0.0,
    training: bool = True,
) -> tuple[Array, Array, Array]:
    """Gradient of `attention_dropout`: that of attention, the weights' gradient under the same mask."""
    products = _products(query, key)
    weights = softmax(products, axis=-1)
    drop = _mask_of(mask, weights, rate, training)
    into_weights = drop(0, np.einsum("bqhv,bkhv->bhqk", cotangent, value))
    (slope,) = softmax_vjp(products, into_weights, axis=-1)
    slope = slope * (1.0 / math.sqrt(query.shape[-1]))
    return (
        np.einsum("bhqk,bkhd->bqhd", slope, key),
        np.einsum("bhqk,bqhd->bkhd", slope, query),
        np.einsum("bhqk,bqhv->bkhv", drop(0, weights), cotangent),
    )


def _products(query: Array, key: Array) -> Array:
    require_rank("query", query, 4, "batch, queries, heads, depth")
    wanted = (query.shape[0], key.shape[1], *query.shape[2:])
    require_shape("key", key, wanted, "batch, keys, heads, depth")
    return np.einsum("bqhd,bkhd->bhqk", query * (1.0 / math.sqrt(query.shape[-1])), key)


def _mask_of(kept: Array | None, weights: Array, rate: float, training: bool) -> _Mask:
    if kept is not None:
        require_mask("mask", kept, weights.shape, "batch, heads, queries, keys")
    return _Mask("mask", None if kept is None else kept[:, np.newaxis], rate, training)


class _Mask:
    """A mask over ``(batch, time, …)`` that scales what it keeps; without an array it changes nothing."""

    def __init__(self, name: str, kept: Array | None, rate: float, training: bool) -> None:
        require(0 <= rate < 1, f"rate must be at least 0 and below 1; got {rate}")
        acting = training and rate > 0
        self.name, self.kept, self.scale = name, kept if acting else None, 1.0 - rate

    def check(self, shape: tuple[int, ...], axes: str) -> None:
        """Raise unless the mask has this shape, or length 1 in places."""
        if self.kept is not None:
            require_mask(self.name, self.kept, shape, axes)

    def __call__(self, t: int, values: Array) -> Array:
        """The values of step t, or their gradients: dropped, and scaled."""
        if self.kept is None:
            return values
        kept = self.kept[:, t if self.kept.shape[1] > 1 else 0]
        return np.where(np.broadcast_to(kept, values.shape), values / self.scale, 0.0)


NO_MASK = _Mask("no mask", None, 0.0, training=False)

PLACES = ("input", "recurrent", "update", "cell", "carried", "output", "state")


class _Dropping:
    """A recurrent layer with a mask in any of the places where literature has put one.

    Where the dictionary of masks names none, nothing is dropped. A cell has ``input`` and ``recurrent``, in
    the products of each of its gates, and those that it says itself.
    """

    gates: int

    def __init__(
        self,
        x: Array,
        carry: dict[str, Array],
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array,
        masks: dict[str, _Mask],
    ) -> None:
        check_layer(x, carry, kernel, recurrent_kernel, bias, "forward", self.gates)
        (batch, time, features), units = x.shape, recurrent_kernel.shape[0]
        self.masks = dict.fromkeys(PLACES, NO_MASK) | masks
        for name, mask in self.masks.items():
            inside = (self.gates,) if name in ("input", "recurrent") else ()
            last = features if name == "input" else units
            mask.check((batch, time, *inside, last), "batch, time, gates, …" if inside else "batch, time, …")
        self.kernel = np.reshape(kernel, (features, self.gates, units))
        self.recurrent_kernel = np.reshape(recurrent_kernel, (units, self.gates, units))
        self.bias = np.reshape(bias, (self.gates, units))
        self.x, self.states = x, [carry["h"]]
        self.given: list[Array] = []
        self.steps: list[tuple[Array, ...]] = []
        self.into_products: list[Array] = []

    def _factors(self, t: int) -> tuple[Array, Array]:
        """What the kernels of step t are multiplied with: its input and the state, dropped for each gate."""
        factors = {"input": self.x[:, t], "recurrent": self.states[t]}
        step, state = (
            self.masks[name](t, np.stack([values] * self.gates, axis=1)) for name, values in factors.items()
        )
        return step, state

    def _back(self, t: int, given: Array, carry: Carry) -> tuple[Array, Array, Carry]:
        """Gradients of the sums of inputs, of the products with states, and of the carry before step t."""
        raise NotImplementedError

    def _through(self, place: str, t: int, slope: Array, kernel: Array) -> Array:
        """The gradient of what a kernel is multiplied with, ``(batch, gates, …)``."""
        return self.masks[place](t, np.einsum("bgu,fgu->bgf", slope, kernel))

    def _into_state(self, t: int, slope: Array) -> Array:
        return np.sum(self._through("recurrent", t, slope, self.recurrent_kernel), axis=1)

    @property
    def outputs(self) -> Carry:
        """What is given out at each step, and the last hidden state."""
        return np.stack(self.given, axis=1), self.states[-1]

    def vjp(self, cotangents: Carry) -> Carry:
        """Gradients of x, the carry, the kernels and the bias, and of a bias inside the candidate's reset."""
        given, *last = cotangents
        carry, slopes, products, into_x = tuple(last), [], [], []
        for t in reversed(range(len(self.steps))):
            slope, product, carry = self._back(t, given[:, t], carry)
            slopes.append(slope)
            products.append(product)
            into_x.append(np.sum(self._through("input", t, slope, self.kernel), axis=1))
        slopes, products = slopes[::-1], products[::-1]
        inputs, states = ([step[place] for step in self.steps] for place in (0, 1))
        return (
            np.stack(into_x[::-1], axis=1),
            *carry,
            _kernel_gradient(inputs, slopes),
            _kernel_gradient(states, products),
            np.reshape(bias_gradient(slopes), (-1,)),
            bias_gradient(products)[-1],
        )


class _DroppingRNN(_Dropping):
    """A fully connected recurrent layer."""

    gates = 1

    def __init__(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array,
        masks: dict[str, _Mask],
    ) -> None:
        super().__init__(x, {"h": h}, kernel, recurrent_kernel, bias, masks)
        for t in range(x.shape[1]):
            step, state = self._factors(t)
            z = np.einsum("bgf,fgu->bgu", step, self.kernel)
            z = z + self.bias + np.einsum("bgv,vgu->bgu", state, self.recurrent_kernel)
            self.steps.append((step, state))
            self.given.append(np.tanh(z[:, 0]))
            self.states.append(self.given[-1])

    def _back(self, t: int, given: Array, carry: Carry) -> tuple[Array, Array, Carry]:
        slope = (given + carry[0]) * (1.0 - np.square(self.given[t]))
        slope = slope[:, np.newaxis]
        return slope, slope, (self._into_state(t, slope),)


class _DroppingLSTM(_Dropping):
    """Long short-term memory.

    Its masks ``update`` and ``cell`` stand around the candidate and the new cell state, ``carried`` around
    the cell state that is carried on, ``output`` and ``state`` around the hidden state that is given out and
    that is carried on.
    """

    gates = 4

    def __init__(
        self,
        x: Array,
        h: Array,
        c: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array,
        masks: dict[str, _Mask],
    ) -> None:
        super().__init__(x, {"h": h, "c": c}, kernel, recurrent_kernel, bias, masks)
        self.cells = [c]
        for t in range(x.shape[1]):
            self._step(t)

    def _step(self, t: int) -> None:
        step, state = self._factors(t)
        z = np.einsum("bgf,fgu->bgu", step, self.kernel)
        z = z + self.bias + np.einsum("bgv,vgu->bgu", state, self.recurrent_kernel)
        i, f, g, o = expit(z[:, 0]), expit(z[:, 1]), np.tanh(z[:, 2]), expit(z[:, 3])
        update = self.masks["update"](t, g)
        cell = self.masks["cell"](t, f * self.cells[-1] + i * update)
        squashed = np.tanh(cell)
        hidden = o * squashed
        self.steps.append((step, state, i, f, g, o, update, squashed))
        self.cells.append(self.masks["carried"](t, cell))
        self.given.append(self.masks["output"](t, hidden))
        self.states.append(self.masks["state"](t, hidden))

    @property
    def outputs(self) -> Carry:
        """What is given out at each step, and the last hidden and cell state."""
        return *super().outputs, self.cells[-1]

    def _back(self, t: int, given: Array, carry: Carry) -> tuple[Array, Array, Carry]:
        _, _, i, f, g, o, update, squashed = self.steps[t]
        hidden = self.masks["output"](t, given) + self.masks["state"](t, carry[0])
        into_cell = self.masks["carried"](t, carry[1]) + hidden * o * (1.0 - np.square(squashed))
        into_cell = self.masks["cell"](t, into_cell)
        by_gate = (
            into_cell * update * logistic_slope(i),
            into_cell * self.cells[t] * logistic_slope(f),
            self.masks["update"](t, into_cell * i) * (1.0 - np.square(g)),
            hidden * squashed * logistic_slope(o),
        )
        slope = np.stack(by_gate, axis=1)
        return slope, slope, (self._into_state(t, slope), into_cell * f)


class _DroppingGRU(_Dropping):
    """Gated recurrent unit, whose reset gate acts on the product with the dropped state, or on that state."""

    gates = 3

    def __init__(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array,
        recurrent_bias: Array | None,
        reset_after: bool,
        masks: dict[str, _Mask],
    ) -> None:
        super().__init__(x, {"h": h}, kernel, recurrent_kernel, bias, masks)
        require(
            (recurrent_bias is not None) == reset_after,
            "recurrent_bias must be given where reset_after is True, and None otherwise",
        )
        if recurrent_bias is not None:
            require_shape("recurrent_bias", recurrent_bias, (h.shape[-1],), "units")
        self.recurrent_bias, self.reset_after = recurrent_bias, reset_after
        for t in range(x.shape[1]):
            self._step(t)

    def _step(self, t: int) -> None:
        step, state = self._factors(t)
        sums = np.einsum("bgf,fgu->bgu", step, self.kernel) + self.bias
        gates = sums[:, :2] + np.einsum("bgv,vgu->bgu", state[:, :2], self.recurrent_kernel[:, :2])
        r, z, seen = expit(gates[:, 0]), expit(gates[:, 1]), state[:, 2]
        factor = seen if self.reset_after else r * seen
        product = affine(factor, self.recurrent_kernel[:, 2], self.recurrent_bias)
        n = np.tanh(sums[:, 2] + (r * product if self.reset_after else product))
        factors = np.concatenate((state[:, :2], factor[:, np.newaxis]), axis=1)
        self.steps.append((step, factors, r, z, n, product if self.reset_after else seen))
        self.given.append(z * self.states[-1] + (1.0 - z) * n)
        self.states.append(self.given[-1])

    def _back(self, t: int, given: Array, carry: Carry) -> tuple[Array, Array, Carry]:
        _, _, r, z, n, reset = self.steps[t]
        hidden = given + carry[0]
        candidate = hidden * (1.0 - z) * (1.0 - np.square(n))
        product = candidate * r if self.reset_after else candidate
        into_factor = np.matmul(product, np.transpose(self.recurrent_kernel[:, 2]))
        gates = (
            (candidate if self.reset_after else into_factor) * reset * logistic_slope(r),
            hidden * (self.states[t] - n) * logistic_slope(z),
        )
        slopes, products = (np.stack((*gates, last), axis=1) for last in (candidate, product))
        by_gate = self._through("recurrent", t, products, self.recurrent_kernel)
        through_candidate = by_gate[:, 2] if self.reset_after else by_gate[:, 2] * r
        return slopes, products, (hidden * z + np.sum(by_gate[:, :2], axis=1) + through_candidate,)


def _masks_of_products(
    input_mask: Array | None,
    recurrent_mask: Array | None,
    rate: float,
    recurrent_rate: float,
    training: bool,
) -> dict[str, _Mask]:
    return {
        "input": _Mask("input_mask", input_mask, rate, training),
        "recurrent": _Mask("recurrent_mask", recurrent_mask, recurrent_rate, training),
    }


def _for_one_gate(mask: Array | None) -> Array | None:
    """A mask ``(batch, time, …)`` for all gates, ``(batch, time, 1, …)``."""
    return None if mask is None else mask[:, :, np.newaxis]


def _dropping_rnn(
    x: Array,
    h: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    input_mask: Array | None,
    recurrent_mask: Array | None,
    rate: float,
    recurrent_rate: float,
    training: bool,
) -> _DroppingRNN:
    given = _for_one_gate(input_mask), _for_one_gate(recurrent_mask)
    masks = _masks_of_products(*given, rate, recurrent_rate, training)
    return _DroppingRNN(x, h, kernel, recurrent_kernel, bias, masks)


def _update_masks(dropping: str, mask: Array | None, rate: float, training: bool) -> dict[str, _Mask]:
    require(dropping in ("update", "cell"), f"dropping must be 'update' or 'cell'; got {dropping!r}")
    return {dropping: _Mask("update_mask", mask, rate, training)}


def _masks_around(
    input_mask: Array | None,
    output_mask: Array | None,
    state_mask: Array | None,
    cell_mask: Array | None,
    rate: float,
    training: bool,
) -> dict[str, _Mask]:
    return {
        # A wrapper stands outside the cell: all its gates share what enters it.
        "input": _Mask("input_mask", _for_one_gate(input_mask), rate, training),
        "output": _Mask("output_mask", output_mask, rate, training),
        "state": _Mask("state_mask", state_mask, rate, training),
        "carried": _Mask("cell_mask", cell_mask, rate, training),
    }


def _kernel_gradient(factors: Sequence[Array], slopes: Sequence[Array]) -> Array:
    """``Σₜ aₜᵀ δₜ`` of each gate, the gates side by side."""
    products = [np.einsum("bgf,bgu->fgu", a, slope) for a, slope in zip(factors, slopes, strict=True)]
    summed = total(products)
    return np.reshape(summed, (summed.shape[0], -1))
