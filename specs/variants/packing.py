"""Faults and controls of sequences that lie one after the other, of whatever mixes their steps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...reference.packing import by_sequences
from ..language.variant import Control, Fault

Array = Any
Function = Callable[..., Any]


def each(function: Function, per_step: Sequence[int]) -> Function:
    """A mixer that knows no sizes, of each sequence by itself."""

    @functools.wraps(function)  # by its signature a variant is told of options
    def forward(*arrays: Any, **options: Any) -> Any:
        *given, sizes = arrays
        if sizes is None:
            return function(*given, **options)
        return by_sequences(forward, given, sizes, per_step, **options)

    return forward


def in_one_go(begins: Function, mixer: Function, per_step: Sequence[int]) -> Function:
    """Step by step through all sequences; each begins with ``begins(its state, the state so far)``."""

    @functools.wraps(mixer)
    def forward(*arrays: Any, **options: Any) -> tuple[Array, Array]:
        *given, state, sizes = arrays
        nothing, after = map(np.zeros_like, mixer(*given, state, None, **options))
        moving = [place in per_step and x is not None for place, x in enumerate(given)]
        rows = [
            np.reshape(x, (1, -1, *x.shape[2:])) if moves else x
            for x, moves in zip(given, moving, strict=True)
        ]
        row = np.reshape(nothing, (1, -1, *nothing.shape[2:]))
        before = after if state is None else state
        found, states, held, start = [], [], before[:1], 0
        for number, size in enumerate(sizes.tolist()):
            held = begins(before[number : number + 1], held)
            for step in range(start, start + size):
                own = (x[:, step : step + 1] if moves else x for x, moves in zip(rows, moving, strict=True))
                y, held = mixer(*own, held, None, **options)
                found.append(y)
            states.append(held)
            start += size
        y = np.concatenate([*found, row[:, start:]], axis=1)
        return np.reshape(y, nothing.shape), np.concatenate(states, axis=0)

    return forward


def faults_of(mixer: Function, per_step: Sequence[int]) -> tuple[Fault, ...]:
    """States that go on into the next sequence, instead of its own or beside it."""
    leaks = {
        "the state goes on into the next sequence": lambda before, held: held,
        "its own state and that of the sequence before": lambda before, held: 0.5 * (before + held),
    }
    return tuple(
        Fault(name=name, reference=in_one_go(begins, mixer, per_step), where="packed")
        for name, begins in leaks.items()
    )


def control_of(mixer: Function, per_step: Sequence[int]) -> Control:
    """Step by step through all sequences, with another state where one begins."""
    return Control(
        name="states exchanged where sequences begin",
        reference=in_one_go(lambda before, held: before, mixer, per_step),
        where="packed",
    )
