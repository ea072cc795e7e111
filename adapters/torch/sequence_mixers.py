"""Sequence mixers of PyTorch, from its convolution."""

from __future__ import annotations

from .framework import F, binds, torch


def whole(x, kernel, state):
    """What came before, and x after it."""
    return F.pad(x, (0, 0, len(kernel) - 1, 0)) if state is None else torch.cat([state, x], dim=1)


def live_steps(x, sizes):
    """Which steps count of rows that hold a sequence each, and where these lie among all."""
    room = torch.arange(x.shape[1], device=x.device)
    return room < sizes[:, None], (sizes.cumsum(0) - sizes)[:, None] + room


def a_row_each(sizes, *arrays):
    """Sequences that lie one after the other, each in a row of its own, with 0 behind it."""
    if sizes is None:
        return arrays
    live, places = live_steps(arrays[0], sizes)
    places = places.clamp(max=live.numel() - 1)
    return tuple(x if x is None else gathered(x, places, live) for x in arrays)


def gathered(x, places, live):
    """The steps of all rows at these places, and 0 where none counts."""
    return torch.where(live.reshape(*live.shape, *(1,) * (x.dim() - 2)), x.flatten(0, 1)[places], 0)


def owners(sizes, rows):
    """The row and the step of each place among all, and whether it is anybody's."""
    ends, places = sizes.cumsum(0), torch.arange(rows.shape[0] * rows.shape[1], device=rows.device)
    row = torch.searchsorted(ends, places, right=True).clamp(max=len(rows) - 1)
    return row, (places - (ends - sizes)[row]).clamp(max=rows.shape[1] - 1), places < ends[-1]


def one_after_the_other(y, sizes):
    """What stands in rows of their own as sequences that lie one after the other, with 0 behind the last."""
    if sizes is None:
        return y
    row, step, owned = owners(sizes, y)
    return torch.where(owned.reshape(-1, *(1,) * (y.dim() - 2)), y[row, step], 0).reshape(y.shape)


def windows(x, kernel, state, sizes):
    """What each step of packed sequences meets, a window to a row, and the steps behind each sequence.

    Of what is nobody's it is 0, so that no NaN meets a gradient of 0.
    """
    (rows,) = a_row_each(sizes, x)
    steps, taps = whole(rows, kernel, state), torch.arange(len(kernel), device=x.device)
    row, step, owned = owners(sizes, x)
    met = torch.where(owned[:, None, None], steps[row[:, None], step[:, None] + taps], 0)
    last = steps[torch.arange(len(x), device=x.device)[:, None], sizes[:, None] + taps[:-1]]
    return met, last, owned[:, None]


@binds("causal_conv1d", "torch.nn.functional.conv1d(groups=channels)", composition=True)
def causal_conv1d(x, kernel, bias, state, sizes, *, activation):
    def ended(steps):
        y = F.conv1d(steps.transpose(1, 2), kernel.T[:, None], bias, groups=x.shape[-1]).transpose(1, 2)
        return F.silu(y) if activation == "silu" else y

    if sizes is None:
        steps = whole(x, kernel, state)
        return ended(steps), steps[:, x.shape[1] :]
    steps, last, owned = windows(x, kernel, state, sizes)
    return torch.where(owned, ended(steps)[:, 0], 0).reshape(x.shape), last
