"""Losses side by side: what each API can be asked, where APIs differ, and the page that tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.adapters.binding import bindings
from assay.harness.mapping.losses import Losses, Nothing, elements, is_loss, settled
from assay.harness.plan import implementations
from assay.reports.losses import Column, Compared, losses_page
from assay.specs import all_specs

SPECS = all_specs()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "losses.md"


def offered(spec, api):
    implementations(SPECS[spec])
    return elements(bindings()[f"{spec}:{api}"], SPECS[spec])


def test_the_page_has_a_row_for_every_api_of_every_loss():
    sections = {part.partition("\n")[0]: part for part in PAGE.read_text("utf-8").split("\n## ")[1:]}
    losses = [spec for spec in SPECS.values() if is_loss(spec)]
    assert list(sections) == [spec.name for spec in losses], "make losses writes the page anew"
    for spec in losses:
        rows = [line.split("`")[1] for line in sections[spec.name].splitlines() if line.startswith("| `")]
        assert rows == [binding.api for binding in implementations(spec)], spec.name


def test_what_can_be_asked_follows_from_the_conditions_of_a_binding():
    torch = offered("sparse_softmax_cross_entropy", "torch.nn.functional.cross_entropy")
    assert torch["reduction"] == ("mean", "none", "sum")
    assert torch["ignored"] == (None, 0)
    jax = offered("sparse_softmax_cross_entropy", "optax.softmax_cross_entropy_with_integer_labels")
    assert jax["reduction"] == ("mean", "none", "sum", "mean_batch")
    assert jax["label_smoothing"] == (0.0,)


def test_where_data_decide_what_is_meant_a_value_holds_in_all_of_them():
    torch = offered("sparse_softmax_cross_entropy", "torch.nn.functional.cross_entropy")
    jax = offered("sparse_softmax_cross_entropy", "optax.softmax_cross_entropy_with_integer_labels")
    assert (torch["out_of_range"], jax["out_of_range"]) == (("error",), ("nan",))


def test_differences_are_loud_and_agreement_is_quiet():
    column = Column("epsilon", "", {"one": "0.0", "two": "0.0", "three": "1e-07", "four": "–"})
    assert column.differs
    assert [column.cell(api) for api in column.cells] == ["0.0", "0.0", "**1e-07**", "–"]
    assert not Column("epsilon", "", {"one": "0.0", "four": "–"}).differs


@pytest.mark.parametrize(
    ("situation", "said", "expected"),
    [
        ("no samples", ["NaN", "NaN"], "NaN"),
        ("no samples", ["0", "0"], "0"),
        ("no samples", ["0", "3e+17"], "unset memory"),
        ("no samples", ["-3e+17", "-3e+17"], "unset memory"),
        ("all masked", ["0.5", "0.5"], "0.5"),
        ("no samples", ["raises", "raises"], "raises"),
    ],
)
def test_a_number_that_nothing_comes_to_is_what_memory_held(situation, said, expected):
    assert settled(situation, said) == expected


def test_what_was_measured_stands_beside_what_can_be_asked():
    spec, *_ = found = [SPECS["huber"]]
    apis = [binding.api for binding in implementations(spec)]
    measured = Losses((), tuple(Nothing("huber", api, "x", "no samples", "NaN") for api in apis[:2]))
    quiet = {column.name: column.common for column in Compared(spec, measured).quiet}
    assert quiet["no samples"] == "NaN"
    assert "no samples NaN" in losses_page(measured, found)
