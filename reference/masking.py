"""What masked steps reach: the layers behind one that passes the mask on or loses it, and NaN in the padding.

Where a framework attaches a mask to its arrays, a layer may pass it on to what it returns, or lose it; what
comes after then averages over the steps that count, or over all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .attention import dot_product_attention, dot_product_attention_vjp
from .checks import Array, require, require_rank, require_shape
from .dense import dense, dense_vjp
from .embedding import embedding, embedding_vjp
from .normalization import layer_norm, layer_norm_vjp, rms_norm, rms_norm_vjp
from .recurrent_sequences import masked_gru, masked_gru_vjp, masked_lstm, masked_lstm_vjp

__all__ = [
    "LAYERS",
    "WEIGHTED",
    "lstm_beside_padding",
    "lstm_beside_padding_vjp",
    "masked_average",
    "masked_average_vjp",
    "masked_stack",
    "masked_stack_vjp",
    "masking",
    "masking_vjp",
]

Optional = Array | None
Gradients = tuple[Optional, Optional, Optional]


def masked_average(
    x: Optional,
    indices: Any,
    mask: Array,
    kernel: Optional = None,
    recurrent_kernel: Optional = None,
    *,
    layer: str = "dense",
    mask_after: str = "kept",
) -> Array:
    """Average over time of what a layer makes of a sequence, some of whose steps are masked.

    ``y = Σₜ mₜ f(m x)ₜ / Σₜ mₜ`` where the layer ``f`` passes the mask on (``kept``), and with 1 for every mₜ
    but that before the layer where it does not (``lost``)

    Args:
        x: ``(batch, steps, features)``; None for an embedding.
        indices: rows of the table but the first, ``(batch, steps)``, for an embedding; where masked, the
            first row is looked up.
        mask: m, True where a step counts, ``(batch, steps)``; at least one of each sequence.
        kernel: ``(features, units)`` of a linear layer; ``(features, 4 units)`` of an LSTM, without a bias,
            whose gates stand in the order i, f, g, o; the table ``(rows, units)`` of an embedding.
        recurrent_kernel: ``(units, 4 units)`` of an LSTM.
        layer: ``dense``, ``time_distributed``, ``einsum_dense`` and ``conv1d`` (of one tap) are ``x W``;
            ``dropout`` (at inference) and ``max_pool1d`` (of one step) are x; ``add`` and ``operator``
            (``x + x``) are 2 x; ``concatenate`` is x beside itself; ``layer_norm`` and ``rms_norm`` have
            neither scale nor bias; ``lstm`` steps over what is masked; ``attention`` is of x to itself, not
            scaled, and attends to no masked step, whose own output is 0; ``embedding`` makes the mask.
        mask_after: ``kept`` or ``lost``.

    Returns:
        ``(batch, units)``, or as many features as the layer gives.

    Raises:
        ValueError: a shape does not fit, a sequence has no step that counts, an option is unknown, or an
            array is given to a layer that takes none, or not to one that does.

    Source: Keras, Understanding masking and padding.
    """
    require(layer in LAYERS, f"layer must be one of {', '.join(LAYERS)}; got {layer!r}")
    known = mask_after in ("kept", "lost")
    require(known, f"mask_after must be kept or lost; got {mask_after!r}")
    if x is None:
        require(layer == "embedding", f"{layer} takes x, which an embedding alone does not")
    else:
        require_rank("x", x, 3, "batch, steps, features")
        require_shape("mask", mask, x.shape[:2], "batch, steps")
    for name, array, wanted in (
        ("kernel", kernel, layer in WEIGHTED),
        ("recurrent_kernel", recurrent_kernel, layer == "lstm"),
    ):
        require((array is not None) == wanted, f"{layer} takes {'a' if wanted else 'no'} {name}")
    require(bool(np.all(np.any(mask, axis=1))), "mask must let a step of each sequence count")
    counted, count = _counted(mask, mask_after)
    y = LAYERS[layer][0](_given(x, indices, mask), mask, kernel, recurrent_kernel)
    return np.sum(y * counted, axis=1) / count


def masked_average_vjp(
    x: Optional,
    indices: Any,
    mask: Array,
    kernel: Optional,
    recurrent_kernel: Optional,
    cotangent: Array,
    *,
    layer: str = "dense",
    mask_after: str = "kept",
) -> Gradients:
    """Gradient of `masked_average`: the layer's, of what each step that counts gets, and no other."""
    counted, count = _counted(mask, mask_after)
    into = (cotangent / count)[:, np.newaxis] * counted
    dx, *of_weights = LAYERS[layer][1](_given(x, indices, mask), mask, kernel, recurrent_kernel, into)
    return None if x is None else np.where(mask[..., np.newaxis], dx, 0.0), *of_weights


def _given(x: Optional, indices: Any, mask: Array) -> Array:
    """What reaches the layer."""
    return np.where(mask, indices + 1, 0) if x is None else np.where(mask[..., np.newaxis], x, 0.0)


def _counted(mask: Array, mask_after: str) -> tuple[Array, Array]:
    """1 for each step that is averaged, ``(batch, steps, 1)``; and how many there are, ``(batch, 1)``."""
    counted = mask * 1.0 if mask_after == "kept" else np.ones(mask.shape)
    return counted[..., np.newaxis], np.sum(counted, axis=1, keepdims=True)


def lstm_beside_padding(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array,
) -> tuple[Array, ...]:
    """Long short-term memory over sequences whose padding may hold anything, even NaN.

    That of each sequence without its padding; what it gives past the end is 0

    Args:
        x: ``(batch, time, features)``.
        h: initial hidden state, ``(batch, units)``.
        c: initial cell state, ``(batch, units)``.
        kernel: ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: ``(units, 4 units)``.
        bias: ``(4 units,)``.
        lengths: number of steps that count, from the first on, ``(batch,)``.

    Returns:
        The outputs ``(batch, time, units)``; the hidden and the cell state after the last step that counts,
        each ``(batch, units)``.

    Raises:
        ValueError: as `masked_lstm`.

    Source: `masked_lstm`.
    """
    x = np.where(_within(x, lengths), x, 0.0)
    return masked_lstm(x, h, c, kernel, recurrent_kernel, bias, lengths)


def lstm_beside_padding_vjp(
    x: Array,
    h: Array,
    c: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    lengths: Array,
    cotangents: tuple[Array, ...],
    *,
    masking: str = "select",
) -> tuple[Array, ...]:
    """Gradient of `lstm_beside_padding`: nothing comes of the padding, nor goes there.

    With ``masking="select_values"`` what is padded gives 0 times its own gradient, as where an LSTM selects
    the old carry there: of NaN comes NaN for every weight, and for all of its sequence.
    """
    within = _within(x, lengths)
    x, nothing = np.where(within, x, 0.0), 0.0 * np.where(within, 0.0, x)
    dx, dh, dc, *of_weights = masked_lstm_vjp(
        x, h, c, kernel, recurrent_kernel, bias, lengths, None, cotangents
    )
    if masking == "select":
        return dx, dh, dc, *of_weights
    of_sequence = np.sum(nothing, axis=(1, 2))[:, np.newaxis]
    return (
        dx + of_sequence[..., np.newaxis],
        dh + of_sequence,
        dc + of_sequence,
        *(gradient + np.sum(nothing) for gradient in of_weights),
    )


def _within(x: Array, lengths: Array) -> Array:
    """Which steps count, ``(batch, time, 1)``."""
    require_shape("lengths", lengths, x.shape[:1], "batch")
    return (np.arange(x.shape[1]) < lengths[:, np.newaxis])[..., np.newaxis]


def masked_stack(
    x: Array,
    mask: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    upper_kernel: Array,
    upper_recurrent_kernel: Array,
    upper_bias: Array,
    *,
    mask_value: float = 0.0,
    masked_output: str = "repeat",
    return_sequences: bool = True,
) -> Array:
    """A mask that goes through a stack: an LSTM and a gated recurrent unit over the steps that count.

    Steps that hold one value alone are marked by `masking`; both layers step over them, the upper one also
    where the lower one puts something out

    Args:
        x: ``(batch, steps, features)``, at least one step.
        mask: ``(batch, steps)``, False where a step is filled with the value.
        kernel: of the LSTM, ``(features, 4 units)``, gates in the order i, f, g, o.
        recurrent_kernel: ``(units, 4 units)``.
        bias: ``(4 units,)``.
        upper_kernel: of the unit, whose reset comes after the product, ``(units, 3 units)``, in the order
            r, z, n.
        upper_recurrent_kernel: ``(units, 3 units)``.
        upper_bias: ``(3 units,)``.
        mask_value: the value.
        masked_output: what both put out at masked steps, ``repeat`` or ``zero``, as in `masked_lstm`.
        return_sequences: return all outputs; or that of the step taken last.

    Returns:
        The outputs of the unit ``(batch, steps, units)``, or the last one ``(batch, units)``.

    Raises:
        ValueError: as `masking` and `masked_lstm`.

    Source: Keras, Understanding masking and padding.
    """
    lower = kernel, recurrent_kernel, bias
    sequence, present = _lower(x, mask, lower, mask_value, masked_output)
    rest = _rest(x, recurrent_kernel)
    upper = upper_kernel, upper_recurrent_kernel, upper_bias, None
    options: dict[str, Any] = {"masked_output": masked_output, "return_sequences": return_sequences}
    return masked_gru(sequence, rest, *upper, None, present, **options)[0]


def masked_stack_vjp(
    x: Array,
    mask: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array,
    upper_kernel: Array,
    upper_recurrent_kernel: Array,
    upper_bias: Array,
    cotangent: Array,
    *,
    mask_value: float = 0.0,
    masked_output: str = "repeat",
    return_sequences: bool = True,
) -> tuple[Array, ...]:
    """Gradient of `masked_stack`: what the unit gives for its inputs is the cotangent of the LSTM."""
    lower = kernel, recurrent_kernel, bias
    sequence, present = _lower(x, mask, lower, mask_value, masked_output)
    rest = _rest(x, recurrent_kernel)
    upper = upper_kernel, upper_recurrent_kernel, upper_bias, None
    options: dict[str, Any] = {"masked_output": masked_output, "return_sequences": return_sequences}
    into = (cotangent, 0.0 * rest)
    of_sequence, _, *of_upper, _ = masked_gru_vjp(sequence, rest, *upper, None, present, into, **options)
    filled, _ = masking(x, mask, mask_value=mask_value)
    through = (of_sequence, 0.0 * rest, 0.0 * rest)
    dx, _, _, *of_lower = masked_lstm_vjp(
        filled, rest, rest, *lower, None, present, through, masked_output=masked_output
    )
    return *masking_vjp(x, mask, dx, mask_value=mask_value), *of_lower, *of_upper


def _lower(
    x: Array, mask: Array, weights: tuple[Array, Array, Array], mask_value: float, masked_output: str
) -> tuple[Array, Array]:
    """The outputs of the LSTM, and which steps it counts."""
    filled, present = masking(x, mask, mask_value=mask_value)
    rest = _rest(x, weights[1])
    return masked_lstm(filled, rest, rest, *weights, None, present, masked_output=masked_output)[0], present


def _rest(x: Array, recurrent_kernel: Array) -> Array:
    """The state of zeros that a layer starts from."""
    return np.zeros((len(x), len(recurrent_kernel)))


# --- the layers, and their gradients: of what is given, the mask, both kernels and a cotangent ---


def _linear_vjp(x: Array, mask: Array, kernel: Array, _: None, cotangent: Array) -> Gradients:
    return *dense_vjp(x, kernel, None, cotangent)[:2], None


def _attention(x: Array, mask: Array, *_: None) -> Array:
    heads = x[:, :, np.newaxis]
    y = dot_product_attention(heads, heads, heads, mask=mask[:, np.newaxis, np.newaxis], scale=1.0)
    return np.where(mask[..., np.newaxis], y[:, :, 0], 0.0)


def _attention_vjp(x: Array, mask: Array, kernel: None, _: None, cotangent: Array) -> Gradients:
    heads, into = x[:, :, np.newaxis], np.where(mask[..., np.newaxis], cotangent, 0.0)[:, :, np.newaxis]
    to = mask[:, np.newaxis, np.newaxis]
    gradients = dot_product_attention_vjp(heads, heads, heads, None, to, into, scale=1.0)
    return sum(gradients[1:3], gradients[0])[:, :, 0], None, None


def _lstm(x: Array, mask: Array, kernel: Array, recurrent_kernel: Array) -> Array:
    carry, bias = _rest(x, recurrent_kernel), np.zeros(kernel.shape[1:])
    return masked_lstm(x, carry, carry, kernel, recurrent_kernel, bias, None, mask)[0]


def _lstm_vjp(x: Array, mask: Array, kernel: Array, recurrent_kernel: Array, cotangent: Array) -> Gradients:
    carry, bias = _rest(x, recurrent_kernel), np.zeros(kernel.shape[1:])
    into = (cotangent, 0.0 * carry, 0.0 * carry)
    gradients = masked_lstm_vjp(x, carry, carry, kernel, recurrent_kernel, bias, None, mask, into)
    return gradients[0], gradients[3], gradients[4]


def _embedding_vjp(rows: Array, mask: Array, table: Array, _: None, cotangent: Array) -> Gradients:
    return None, embedding_vjp(rows, table, cotangent)[0], None


def _alone(vjp: Callable[..., Any]) -> Callable[..., Gradients]:
    """The gradient of a layer without weights, from x and the cotangent."""
    return lambda x, mask, kernel, recurrent_kernel, cotangent: (vjp(x, cotangent), None, None)


_LINEAR: Any = (lambda x, mask, kernel, _: dense(x, kernel), _linear_vjp)
_SAME: Any = (lambda x, *_: x, _alone(lambda x, g: g))
_TWICE: Any = (lambda x, *_: x + x, _alone(lambda x, g: g + g))

LAYERS: dict[str, Any] = {
    "dense": _LINEAR,
    "time_distributed": _LINEAR,
    "einsum_dense": _LINEAR,
    "conv1d": _LINEAR,
    "dropout": _SAME,
    "max_pool1d": _SAME,
    "add": _TWICE,
    "operator": _TWICE,
    "concatenate": (
        lambda x, *_: np.concatenate((x, x), axis=-1),
        _alone(lambda x, g: sum(np.split(g, 2, axis=-1))),
    ),
    "layer_norm": (lambda x, *_: layer_norm(x), _alone(lambda x, g: layer_norm_vjp(x, None, None, g)[0])),
    "rms_norm": (lambda x, *_: rms_norm(x), _alone(lambda x, g: rms_norm_vjp(x, None, g)[0])),
    "lstm": (_lstm, _lstm_vjp),
    "attention": (_attention, _attention_vjp),
    "embedding": (lambda rows, mask, table, _: embedding(rows, table), _embedding_vjp),
}
"""A layer and its gradient by the name of the layer."""

WEIGHTED = ("dense", "time_distributed", "einsum_dense", "conv1d", "lstm", "embedding")
"""The layers that have a kernel."""


def masking(x: Array, mask: Array, *, mask_value: float = 0.0) -> tuple[Array, Array]:
    """Steps that hold one value alone are marked as padding, and read as zeros.

    Steps that do not count are filled with the value first: that is how a batch is padded. ``present[b, t]``
    is whether some feature of a step differs from it, and ``y`` is x where it does, and else 0.

    Args:
        x: ``(batch, steps, features)``.
        mask: ``(batch, steps)``, False where a step is filled.
        mask_value: the value.

    Returns:
        ``y``, of the shape of ``x``, and ``present``. NaN differs from every value.

    Raises:
        ValueError: ``x`` has not three axes, or ``mask`` not its first two.

    Source: keras.layers.Masking.
    """
    filled, present = _filled(x, mask, mask_value)
    return np.where(present[..., np.newaxis], filled, 0.0), present


def masking_vjp(x: Array, mask: Array, cotangent: Array, *, mask_value: float = 0.0) -> tuple[Array]:
    """Gradient of `masking`: that of the steps that are present and were not filled."""
    _, present = _filled(x, mask, mask_value)
    return (np.where((present & mask)[..., np.newaxis], cotangent, 0.0),)


def _filled(x: Array, mask: Array, mask_value: float) -> tuple[Array, Array]:
    """What is padded with the value, and which steps hold another one."""
    require_rank("x", x, 3, "batch, steps, features")
    require_shape("mask", mask, x.shape[:2], "batch, steps")
    filled = np.where(mask[..., np.newaxis], x, mask_value)
    return filled, np.any(filled != mask_value, axis=-1)
