"""Dropout layers of PyTorch."""

from __future__ import annotations

from .framework import F, binds, torch
from .modules import function, module

PRODUCT = {
    "dropped == 'product' or data != 'infinities' or not training or rate == 0": "torch multiplies by 0",
    "data != 'nan' or not training or rate == 0": "torch's NaN at dropped places hides the mask",
}
FIRST = {"layout": ("channels_first", "torch's channels come before the axes in space")}
UNCHECKED_DEVIATION = {"stddev >= 0": "a composition checks no deviation"}
UNCHECKED_RATE = {"0 <= rate < 1": "a composition checks no rate"}


function("dropout", "torch.nn.functional.dropout", {"p": "rate", "training": "training"}, where=PRODUCT)
module("dropout", "torch.nn.Dropout", {"p": "rate"}, then=".train(training)", where=PRODUCT)


# --- shared masks ---


@binds("dropout_noise_shape", "torch.nn.functional.dropout", where=PRODUCT, composition=True)
def dropout_noise_shape(x, *, shared, rate, training):
    shape = _noise_shape(x, shared)
    return x * F.dropout(x.new_ones(shape), p=rate, training=training)


def _noise_shape(x, shared):
    axes = ("batch", "time", "features")
    return [1 if axis in shared else length for axis, length in zip(axes, x.shape, strict=True)]


for n in (1, 2, 3):
    of_rank = PRODUCT | {f"rank == {n}": "is of another rank"}
    function(
        "spatial_dropout",
        f"torch.nn.functional.dropout{n}d",
        {"p": "rate", "training": "training"},
        where=of_rank,
        fixed=FIRST,
    )
    module(
        "spatial_dropout",
        f"torch.nn.Dropout{n}d",
        {"p": "rate"},
        then=".train(training)",
        where=of_rank,
        fixed=FIRST,
    )


@binds("dropout_by_feature", "torch.bernoulli", composition=True)
def dropout_by_feature(x, rates):
    dropping, others = x[:, : len(rates)], x[:, len(rates) :]
    kept = torch.bernoulli((1 - rates).expand_as(dropping))
    return torch.cat([dropping * kept / (1 - rates), others], 1)


# --- noise ---


@binds("gaussian_noise", "torch.randn_like", where=UNCHECKED_DEVIATION, composition=True)
def gaussian_noise(x, *, stddev, training):
    return x + stddev * torch.randn_like(x) if training else x


@binds("gaussian_dropout", "torch.randn_like", where=UNCHECKED_RATE, composition=True)
def gaussian_dropout(x, *, rate, training):
    return x * (1 + (rate / (1 - rate)) ** 0.5 * torch.randn_like(x)) if training else x


for name, layer, shared in (
    ("alpha_dropout", "AlphaDropout", "none"),
    ("feature_alpha_dropout", "FeatureAlphaDropout", "maps"),
):
    fixed = {"shared": (shared, "its name says what is dropped")}
    function(
        "alpha_dropout",
        f"torch.nn.functional.{name}",
        {"p": "rate", "training": "training"},
        where=PRODUCT,
        fixed=fixed,
    )
    module(
        "alpha_dropout",
        f"torch.nn.{layer}",
        {"p": "rate"},
        then=".train(training)",
        where=PRODUCT,
        fixed=fixed,
    )
