"""Dropout inside layers: in the products of a recurrent layer, around its cell, and of attention weights."""

from __future__ import annotations

import math

import numpy as np

from .checks import Array, require, require_mask, require_rank, require_shape
from .dropping import DroppingGRU, DroppingLSTM, DroppingRNN, Mask
from .lstm_variants import layer_norm_lstm, layer_norm_lstm_vjp
from .recurrent_stacked import stacked_lstm, stacked_lstm_vjp
from .softmax import softmax, softmax_vjp
from .steps import Carry

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
    return DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).outputs


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
    return DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).vjp(cotangents)[:6]


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
    return DroppingGRU(x, h, kernel, recurrent_kernel, bias, recurrent_bias, reset_after, masks).outputs


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
    layer = DroppingGRU(x, h, kernel, recurrent_kernel, bias, recurrent_bias, reset_after, masks)
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
    return DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).outputs


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
    return DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).vjp(cotangents)[:6]


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
    mask = Mask("update_mask", update_mask, rate, training)
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
    mask = Mask("update_mask", update_mask, rate, training)
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
    return DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).outputs


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
    return DroppingLSTM(x, h, c, kernel, recurrent_kernel, bias, masks).vjp(cotangents)[:6]


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
    return stacked_lstm_vjp(x, h, c, *weights, None, None, cotangents, drop=between)


def _between(x: Array, h: Array, mask: Array | None, rate: float, training: bool) -> Mask:
    between = Mask("mask", mask, rate, training)
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


def _mask_of(kept: Array | None, weights: Array, rate: float, training: bool) -> Mask:
    if kept is not None:
        require_mask("mask", kept, weights.shape, "batch, heads, queries, keys")
    return Mask("mask", None if kept is None else kept[:, np.newaxis], rate, training)


def _masks_of_products(
    input_mask: Array | None,
    recurrent_mask: Array | None,
    rate: float,
    recurrent_rate: float,
    training: bool,
) -> dict[str, Mask]:
    return {
        "input": Mask("input_mask", input_mask, rate, training),
        "recurrent": Mask("recurrent_mask", recurrent_mask, recurrent_rate, training),
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
) -> DroppingRNN:
    given = _for_one_gate(input_mask), _for_one_gate(recurrent_mask)
    masks = _masks_of_products(*given, rate, recurrent_rate, training)
    return DroppingRNN(x, h, kernel, recurrent_kernel, bias, masks)


def _update_masks(dropping: str, mask: Array | None, rate: float, training: bool) -> dict[str, Mask]:
    require(dropping in ("update", "cell"), f"dropping must be 'update' or 'cell'; got {dropping!r}")
    return {dropping: Mask("update_mask", mask, rate, training)}


def _masks_around(
    input_mask: Array | None,
    output_mask: Array | None,
    state_mask: Array | None,
    cell_mask: Array | None,
    rate: float,
    training: bool,
) -> dict[str, Mask]:
    return {
        # A wrapper stands outside the cell: all its gates share what enters it.
        "input": Mask("input_mask", _for_one_gate(input_mask), rate, training),
        "output": Mask("output_mask", output_mask, rate, training),
        "state": Mask("state_mask", state_mask, rate, training),
        "carried": Mask("cell_mask", cell_mask, rate, training),
    }
