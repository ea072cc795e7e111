"""Fractional max pooling of PyTorch, which can be given what it draws otherwise."""

from __future__ import annotations

from .modules import function, module

for n in (2, 3):
    options = {
        "kernel_size": f"window[:{n}]",
        "output_size": f"lengths[:{n}]",
        "return_indices": "True",
        "_random_samples": "samples",
    }
    form = {
        "on": "x.movedim(-1, 1).contiguous()",
        "gives": "y, indices",
        "returns": "y.movedim(1, -1), indices.movedim(1, -1)",
        "where": {f"spatial == {n}": "is of another rank"},
    }
    for name in ("", "_with_indices"):
        function("fractional_max_pool", f"torch.nn.functional.fractional_max_pool{n}d{name}", options, **form)
    module(
        "fractional_max_pool",
        f"torch.nn.FractionalMaxPool{n}d",
        options,
        {"_random_samples": "samples"},
        **form,
    )
