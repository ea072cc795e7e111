"""Recurrent cells with masks in their products and around their states: what dropout inside layers needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from .affine import affine
from .checks import Array, require, require_mask, require_shape
from .steps import Carry, bias_gradient, check_layer, logistic_slope, total

__all__ = ["Dropping", "DroppingGRU", "DroppingLSTM", "DroppingRNN", "Mask"]


class Mask:
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


NO_MASK = Mask("no mask", None, 0.0, training=False)

PLACES = ("input", "recurrent", "update", "cell", "carried", "output", "state")


class Dropping:
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
        masks: dict[str, Mask],
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


class DroppingRNN(Dropping):
    """A fully connected recurrent layer."""

    gates = 1

    def __init__(
        self,
        x: Array,
        h: Array,
        kernel: Array,
        recurrent_kernel: Array,
        bias: Array,
        masks: dict[str, Mask],
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


class DroppingLSTM(Dropping):
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
        masks: dict[str, Mask],
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


class DroppingGRU(Dropping):
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
        masks: dict[str, Mask],
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


def _kernel_gradient(factors: Sequence[Array], slopes: Sequence[Array]) -> Array:
    """``Σₜ aₜᵀ δₜ`` of each gate, the gates side by side."""
    products = [np.einsum("bgf,bgu->fgu", a, slope) for a, slope in zip(factors, slopes, strict=True)]
    summed = total(products)
    return np.reshape(summed, (summed.shape[0], -1))
