"""Shapes: the same numbers at other places. Nothing is computed; a gradient goes back where it came from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from . import windows
from .checks import Array, require, require_rank

__all__ = [
    "channel_shuffle",
    "channel_shuffle_vjp",
    "depth_to_space",
    "depth_to_space_vjp",
    "fold",
    "fold_vjp",
    "permute",
    "permute_vjp",
    "repeat_vector",
    "repeat_vector_vjp",
    "reshape",
    "reshape_vjp",
    "space_to_batch",
    "space_to_batch_vjp",
    "space_to_depth",
    "space_to_depth_vjp",
    "unfold",
    "unfold_vjp",
]


def reshape(x: Array, *, target: Sequence[int], layout: str = "channels_last") -> Array:
    """The numbers of each sample in another shape, in the order in which they stand.

    ``y[b] = reshape(x[b], target)``, the last axis running fastest; with ``layout="channels_first"`` the
    first axis of a sample becomes its last one before

    Args:
        x: ``(batch, …)`` with one axis or more beside the batch.
        target: the shape of a sample of the result; one length may be -1, which is what the others leave.
        layout: ``channels_last``: as it stands; ``channels_first``: channels are moved last, so that a layer
            above finds what it would find in the other layout.

    Returns:
        ``(batch, *target)``.

    Raises:
        ValueError: the numbers of a sample do not fill ``target``, or ``layout`` is neither.

    Source: numpy.reshape, whose order is C.
    """
    _require_layout(x, layout)
    lengths = (x.shape[0], *_filled(tuple(target), math.prod(x.shape[1:])))
    return np.reshape(np.moveaxis(x, 1, -1) if layout == "channels_first" else x, lengths)


def reshape_vjp(
    x: Array, cotangent: Array, *, target: Sequence[int], layout: str = "channels_last"
) -> tuple[Array]:
    """Gradient of `reshape`: each number goes back to its place."""
    if layout == "channels_last":
        return (np.reshape(cotangent, x.shape),)
    batch, channels, *others = x.shape
    return (np.moveaxis(np.reshape(cotangent, (batch, *others, channels)), -1, 1),)


def permute(x: Array, *, axes: Sequence[int]) -> Array:
    """Axes in another order, also called a transpose.

    ``y[i_{a(0)}, i_{a(1)}, …] = x[i_0, i_1, …]``

    Args:
        x: of any shape.
        axes: ``a``, for each axis of the result the one of ``x`` that it is, from 0 on.

    Returns:
        The shape of ``x`` with the lengths in this order.

    Raises:
        ValueError: ``axes`` does not name each axis once.

    Source: numpy.transpose.
    """
    each_once = sorted(axes) == list(range(x.ndim))
    require(each_once, f"axes must name each of the {x.ndim} axes of x once; got {axes}")
    return np.transpose(x, tuple(axes))


def permute_vjp(x: Array, cotangent: Array, *, axes: Sequence[int]) -> tuple[Array]:
    """Gradient of `permute`: the inverse permutation."""
    return (np.transpose(cotangent, [list(axes).index(axis) for axis in range(x.ndim)]),)


def repeat_vector(x: Array, *, steps: int) -> Array:
    """The same vector at each step of a sequence.

    ``y[b, t, f] = x[b, f]``

    Args:
        x: ``(batch, features)``.
        steps: how many there are.

    Returns:
        ``(batch, steps, features)``.

    Raises:
        ValueError: ``x`` has not two axes, or ``steps`` is below 1.

    Source: keras.layers.RepeatVector.
    """
    require_rank("x", x, 2, "batch, features")
    require(steps >= 1, f"steps must be at least 1; got {steps}")
    return np.repeat(x[:, np.newaxis], steps, axis=1)


def repeat_vector_vjp(x: Array, cotangent: Array, *, steps: int) -> tuple[Array]:
    """Gradient of `repeat_vector`: the sum over the steps."""
    return (np.sum(cotangent, axis=1),)


def channel_shuffle(x: Array, *, groups: int) -> Array:
    """Channels dealt out anew: the first of each group, then the second of each.

    ``y[…, j g + i] = x[…, i c + j]`` for the groups ``i`` of ``c`` channels, of which there are ``g``

    Args:
        x: ``(…, channels)``.
        groups: ``g``.

    Returns:
        The shape of ``x``.

    Raises:
        ValueError: ``groups`` is below 1, or does not divide the channels.

    Source: Zhang, Zhou, Lin and Sun (2017), ShuffleNet, arXiv:1707.01083, section 3.1.
    """
    whole = groups >= 1 and x.shape[-1] % groups == 0
    require(whole, f"groups must divide the {x.shape[-1]} channels of x; got {groups}")
    dealt = np.swapaxes(np.reshape(x, (*x.shape[:-1], groups, x.shape[-1] // groups)), -1, -2)
    return np.reshape(dealt, x.shape)


def channel_shuffle_vjp(x: Array, cotangent: Array, *, groups: int) -> tuple[Array]:
    """Gradient of `channel_shuffle`: its inverse, which deals out as many groups as a group has channels."""
    return (channel_shuffle(cotangent, groups=x.shape[-1] // groups),)


def depth_to_space(x: Array, *, block: int = 2, channel_order: str = "channel") -> Array:
    """Blocks of channels laid out in space, also called pixel shuffle.

    ``y[b, r h + i, r w + j, c] = x[b, h, w, (i r + j) C + c]``, or with ``channel_order="block"``
    ``x[b, h, w, c r² + i r + j]``, where ``C`` is the number of channels of ``y``

    Args:
        x: ``(batch, height, width, channels r²)``.
        block: ``r``, the side of a block.
        channel_order: what runs fastest among the channels of ``x``: the ``channel``, or the place in the
            ``block``. Of a single channel both are one.

    Returns:
        ``(batch, r height, r width, channels)``.

    Raises:
        ValueError: ``block`` is below 1, the channels are no blocks, or ``channel_order`` is neither.

    Source: Shi et al. (2016), Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network, arXiv:1609.05158, equation 4.
    """
    batch, height, width, depth = _shape(x, block, channel_order)
    require(depth % block**2 == 0, f"x must have blocks of {block**2} channels; got shape {x.shape}")
    channels = depth // block**2
    if channel_order == "channel":
        places = np.transpose(
            np.reshape(x, (batch, height, width, block, block, channels)), (0, 1, 3, 2, 4, 5)
        )
    else:
        places = np.transpose(
            np.reshape(x, (batch, height, width, channels, block, block)), (0, 1, 4, 2, 5, 3)
        )
    return np.reshape(places, (batch, height * block, width * block, channels))


def depth_to_space_vjp(
    x: Array, cotangent: Array, *, block: int = 2, channel_order: str = "channel"
) -> tuple[Array]:
    """Gradient of `depth_to_space`: its inverse."""
    return (space_to_depth(cotangent, block=block, channel_order=channel_order),)


def space_to_depth(x: Array, *, block: int = 2, channel_order: str = "channel") -> Array:
    """Blocks of space laid out among the channels, also called pixel unshuffle: undoes `depth_to_space`.

    ``y[b, h, w, (i r + j) C + c] = x[b, r h + i, r w + j, c]``, or with ``channel_order="block"``
    ``y[b, h, w, c r² + i r + j]``, where ``C`` is the number of channels of ``x``

    Args:
        x: ``(batch, r height, r width, channels)``.
        block: ``r``, the side of a block.
        channel_order: what runs fastest among the channels of the result, as in `depth_to_space`.

    Returns:
        ``(batch, height, width, channels r²)``.

    Raises:
        ValueError: ``block`` is below 1 or divides no height or width, or ``channel_order`` is neither.

    Source: Shi et al. (2016), arXiv:1609.05158, equation 4, read backwards.
    """
    batch, height, width, channels = _shape(x, block, channel_order)
    whole = height % block == width % block == 0
    require(whole, f"x must have blocks of {block}×{block} places; got shape {x.shape}")
    rows, columns = height // block, width // block
    order = (0, 1, 3, 2, 4, 5) if channel_order == "channel" else (0, 1, 3, 5, 2, 4)
    places = np.transpose(np.reshape(x, (batch, rows, block, columns, block, channels)), order)
    return np.reshape(places, (batch, rows, columns, block**2 * channels))


def space_to_depth_vjp(
    x: Array, cotangent: Array, *, block: int = 2, channel_order: str = "channel"
) -> tuple[Array]:
    """Gradient of `space_to_depth`: its inverse."""
    return (depth_to_space(cotangent, block=block, channel_order=channel_order),)


# --- windows as channels, and what becomes of their sum ---


def unfold(
    x: Array,
    *,
    window: Sequence[int],
    strides: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: windows.Padding = "valid",
    channel_order: str = "channel",
) -> Array:
    """What each window sees, as channels; also called im2col, or patches.

    ``y[b, o, p, (i k + j) C + c] = x[b, s o + d i, s p + d j, c]``, or with ``channel_order="block"`` the
    channel ``c k² + i k + j``; of zeros outside, with windows of ``k``, strides ``s`` and dilation ``d``

    Args:
        x: ``(batch, height, width, channels)``.
        window: number of taps of each axis.
        strides: distance of neighbouring windows, of each axis.
        dilation: distance of neighbouring taps, of each axis.
        padding: ``valid``, ``same``, or a pair ``(low, high)`` for each axis, as of a convolution.
        channel_order: what runs fastest among the channels of the result: the ``channel`` of ``x``, or the
            place in the window, the ``block``.

    Returns:
        ``(batch, places, places, channels * taps)``.

    Raises:
        ValueError: no window fits, a length is below 1, or ``channel_order`` is neither.

    Source: Chellapilla, Puri and Simard (2006), High performance convolutional neural networks for document
    processing, section 3.
    """
    geometry = _geometry(x.shape[1:-1], window, strides, dilation, padding, channel_order)
    widths, window, strides, dilation = geometry
    seen = windows.windows(windows.pad(x, widths), window, strides, dilation)
    if channel_order == "channel":
        seen = np.moveaxis(seen, 3, -1)
    return np.reshape(seen, (*seen.shape[:3], math.prod(seen.shape[3:])))


def unfold_vjp(
    x: Array,
    cotangent: Array,
    *,
    window: Sequence[int],
    strides: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: windows.Padding = "valid",
    channel_order: str = "channel",
) -> tuple[Array]:
    """Gradient of `unfold`: `fold`, its adjoint."""
    geometry = _geometry(x.shape[1:-1], window, strides, dilation, padding, channel_order)
    return (_folded(cotangent, x.shape[1:-1], geometry, channel_order),)


def fold(
    x: Array,
    *,
    lengths: Sequence[int],
    window: Sequence[int],
    strides: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: windows.Padding = "valid",
    channel_order: str = "channel",
) -> Array:
    """Sum of windows laid out in space, also called col2im: the adjoint of `unfold`.

    ``y[b, h, w, c]`` is the sum of all ``x[b, o, p, (i k + j) C + c]`` with ``h = s o + d i`` and
    ``w = s p + d j``; the other names as in `unfold`

    Args:
        x: ``(batch, places, places, channels * taps)``.
        lengths: height and width of the result.
        window: number of taps of each axis.
        strides: distance of neighbouring windows, of each axis.
        dilation: distance of neighbouring taps, of each axis.
        padding: what `unfold` would add; what lies there is lost.
        channel_order: what runs fastest among the channels of ``x``, as in `unfold`.

    Returns:
        ``(batch, *lengths, channels)``.

    Raises:
        ValueError: there are not as many places as windows in the result, or its channels are no windows;
            what `unfold` refuses.

    Source: torch.nn.Fold.
    """
    require_rank("x", x, 4, "batch, places, places, channels * taps")
    geometry = _geometry(tuple(lengths), window, strides, dilation, padding, channel_order)
    taps, places = math.prod(window), _places(tuple(lengths), geometry)
    require(x.shape[3] % taps == 0, f"x must have channels for each of {taps} taps; got shape {x.shape}")
    require(x.shape[1:3] == places, f"x must have {places} places, as windows; got shape {x.shape}")
    return _folded(x, tuple(lengths), geometry, channel_order)


def fold_vjp(
    x: Array,
    cotangent: Array,
    *,
    window: Sequence[int],
    strides: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    padding: windows.Padding = "valid",
    channel_order: str = "channel",
) -> tuple[Array]:
    """Gradient of `fold`: `unfold`, its adjoint."""
    return (
        unfold(
            cotangent,
            window=window,
            strides=strides,
            dilation=dilation,
            padding=padding,
            channel_order=channel_order,
        ),
    )


Geometry = tuple[windows.Widths, tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""Padding widths, window, strides and dilation of two axes."""


def _geometry(
    lengths: tuple[int, ...],
    window: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
    padding: windows.Padding,
    channel_order: str,
) -> Geometry:
    """Windows that may be asked of a plane with these lengths."""
    require(len(lengths) == 2, f"there must be two axes in space; got {lengths}")
    _require_order(channel_order)
    taps, steps, apart = (
        windows.positive_per_axis(name, value, 2)
        for name, value in (("window", window), ("strides", strides), ("dilation", dilation))
    )
    widths = windows.padding_widths(padding, lengths, taps, steps, apart)
    windows.require_fit(lengths, widths, taps, apart)
    return widths, taps, steps, apart


def _places(lengths: tuple[int, ...], geometry: Geometry) -> tuple[int, ...]:
    """How many windows there are along each axis."""
    widths, window, strides, dilation = geometry
    reach = windows.extents(window, dilation)
    return tuple(
        (n + low + high - e) // s + 1
        for n, (low, high), e, s in zip(lengths, widths, reach, strides, strict=True)
    )


def _folded(x: Array, lengths: tuple[int, ...], geometry: Geometry, channel_order: str) -> Array:
    """The sum at each place of what all windows have for it."""
    widths, window, strides, dilation = geometry
    taps = math.prod(window)
    channels = x.shape[3] // taps
    parts = (taps, channels) if channel_order == "channel" else (channels, taps)
    each = np.moveaxis(np.reshape(x, (*x.shape[:3], *parts)), 3 if channel_order == "channel" else 4, 0)
    return windows.fold(list(each), lengths, widths, window, strides, dilation)


# --- blocks of space as samples ---


def space_to_batch(x: Array, *, block: Sequence[int], widths: windows.Widths) -> Array:
    """Blocks of space laid out among the samples: each holds every ``block``-th place.

    ``y[(i s + j) B + b, h, w, c] = x[b, r h + i, s w + j, c]`` of ``x`` padded with zeros by ``widths``, for
    the places ``(i, j)`` in a block of ``(r, s)`` and a batch of ``B``

    Args:
        x: ``(batch, height, width, channels)``.
        block: ``r`` and ``s``.
        widths: pairs ``(low, high)`` of zeros beside height and width.

    Returns:
        ``(r s batch, padded height / r, padded width / s, channels)``.

    Raises:
        ValueError: ``block`` is below 1 or does not divide what is padded, or a width is negative.

    Source: tf.nn.space_to_batch.
    """
    require_rank("x", x, 4, "batch, height, width, channels")
    rows, columns = windows.positive_per_axis("block", block, 2)
    require(min(map(min, widths)) >= 0, f"widths must not be negative; got {widths}")
    padded = windows.pad(x, widths)
    batch, height, width, channels = padded.shape
    whole = height % rows == width % columns == 0
    require(whole, f"blocks of {rows}×{columns} must fill x, padded to {padded.shape}")
    blocks = np.reshape(padded, (batch, height // rows, rows, width // columns, columns, channels))
    samples = np.transpose(blocks, (2, 4, 0, 1, 3, 5))
    return np.reshape(samples, (rows * columns * batch, height // rows, width // columns, channels))


def space_to_batch_vjp(
    x: Array, cotangent: Array, *, block: Sequence[int], widths: windows.Widths
) -> tuple[Array]:
    """Gradient of `space_to_batch`: samples go back to their blocks; the padding has none."""
    rows, columns = block
    batch, channels = x.shape[0], x.shape[-1]
    height, width = cotangent.shape[1:3]
    samples = np.reshape(cotangent, (rows, columns, batch, height, width, channels))
    padded = np.reshape(
        np.transpose(samples, (2, 3, 0, 4, 1, 5)), (batch, height * rows, width * columns, channels)
    )
    return (windows.pad(padded, tuple((-low, -high) for low, high in widths)),)


# --- what may be asked ---


def _require_order(channel_order: str) -> None:
    known = channel_order in ("channel", "block")
    require(known, f"channel_order must be channel or block; got {channel_order!r}")


def _require_layout(x: Array, layout: str) -> None:
    known = layout in ("channels_last", "channels_first")
    require(known, f"layout must be channels_last or channels_first; got {layout!r}")
    require(x.ndim >= 2, f"x must have an axis beside the batch; got shape {x.shape}")


def _filled(target: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The target with what the others leave in the place of -1."""
    known = math.prod(n for n in target if n != -1)
    fits = min(target) >= -1 and known != 0
    if fits and target.count(-1) == 1 and count % known == 0:
        return tuple(count // known if n == -1 else n for n in target)
    require(fits and known == count and -1 not in target, f"{count} numbers must fill target; got {target}")
    return target


def _shape(x: Array, block: int, channel_order: str) -> tuple[int, int, int, int]:
    """The shape of an array whose blocks may be asked."""
    require_rank("x", x, 4, "batch, height, width, channels")
    require(block >= 1, f"block must be at least 1; got {block}")
    _require_order(channel_order)
    batch, height, width, channels = x.shape
    return batch, height, width, channels
