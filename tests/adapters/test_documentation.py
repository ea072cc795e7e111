"""The pages of APIs follow from their names."""

from __future__ import annotations

import pytest

from assay.adapters.binding import bindings
from assay.adapters.documentation import page, pages
from assay.harness.plan import implementations
from assay.specs import all_specs

TORCH = "https://docs.pytorch.org/docs/stable/generated"


@pytest.mark.parametrize(
    ("api", "link"),
    [
        ("torch.nn.functional.gelu", f"{TORCH}/torch.nn.functional.gelu.html"),
        ("torch.nn.LSTM(num_layers)", f"{TORCH}/torch.nn.LSTM.html"),
        ("torch.nn.BatchNorm2d.requires_grad_(False)", f"{TORCH}/torch.nn.BatchNorm2d.html"),
        ("torch.Tensor.unfold", f"{TORCH}/torch.Tensor.unfold.html"),
        ("tf.nn.gelu", "https://www.tensorflow.org/api_docs/python/tf/nn/gelu"),
        ("keras.layers.Dense", "https://www.tensorflow.org/api_docs/python/tf/keras/layers/Dense"),
        ("jax.nn.gelu", "https://docs.jax.dev/en/latest/_autosummary/jax.nn.gelu.html"),
        ("flax.nnx.Conv", "https://flax.readthedocs.io/en/latest/search.html?q=flax.nnx.Conv"),
        ("optax.l2_loss", "https://optax.readthedocs.io/en/latest/search.html?q=optax.l2_loss"),
        ("torch.Tensor.__getitem__", ""),
        ("jax.Array.at[].get(mode='fill', fill_value=0)", ""),
        ("mine.gelu", ""),
    ],
)
def test_a_page_follows_from_the_name_of_an_api(api, link):
    assert page(api) == link


def test_few_apis_have_no_page():
    without = {binding.api.partition("(")[0] for binding in bindings().values() if not page(binding.api)}
    assert without == {
        "torch.Tensor.__getitem__",
        "jax.Array.__getitem__",
        "jax.Array.at[].get",
        "jax.experimental.rnn.lstm_ref",
    }


def test_a_page_is_told_once():
    found = implementations(all_specs()["batch_norm_frozen"], ["torch"])
    assert len(found) > 2
    assert [name for name, _ in pages(found)] == ["torch.nn.BatchNorm2d", "torch.nn.BatchNorm1d"]
