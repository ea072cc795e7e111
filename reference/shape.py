"""Shapes: the same numbers at other places. Nothing is computed; a gradient goes back where it came from."""

from __future__ import annotations

import numpy as np

from .checks import Array, require, require_rank

__all__ = ["depth_to_space", "depth_to_space_vjp", "space_to_depth", "space_to_depth_vjp"]


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


def _shape(x: Array, block: int, channel_order: str) -> tuple[int, int, int, int]:
    """The shape of an array whose blocks may be asked."""
    require_rank("x", x, 4, "batch, height, width, channels")
    require(block >= 1, f"block must be at least 1; got {block}")
    known = channel_order in ("channel", "block")
    require(known, f"channel_order must be channel or block; got {channel_order!r}")
    batch, height, width, channels = x.shape
    return batch, height, width, channels
