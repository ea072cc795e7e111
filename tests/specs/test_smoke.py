"""The cases of smoke on file: each can be asked, together they meet every value, and their power is told."""

from __future__ import annotations

import re

import msgspec
import pages
import pytest
import smoke as benchmark

from assay.harness.plan import implementations, refusal, selection
from assay.specs import all_specs
from assay.specs.language import smoke
from assay.specs.language.case import parse
from assay.specs.language.cases import dtypes_of

SPECS = all_specs()
ON_FILE = smoke.FILE.read_text("utf-8").split()


def test_each_case_on_file_is_asked_of_some_implementation():
    assert len(ON_FILE) == len(set(ON_FILE))
    for text in ON_FILE:
        case = parse(text, SPECS)
        assert case.id == text
        assert case.dtype in dtypes_of("smoke")
        assert case in selection(case.spec, "standard"), f"{text} is no standard case any more: make smoke"
        assert any(refusal(binding, case) is None for binding in implementations(case.spec)), text


@pytest.mark.parametrize("name", dict.fromkeys(text.partition("/")[0] for text in ON_FILE))
def test_what_is_on_file_meets_every_value_of_every_implementation(name):
    """Nothing is added to it: `make smoke` has been run since the spec and its implementations changed."""
    asked = [case.id for case in selection(SPECS[name], "smoke") if case.valid]
    assert asked == [text for text in ON_FILE if text.partition("/")[0] == name]


def test_an_option_that_is_not_on_file_is_asked_all_the_same(monkeypatch):
    names = ["gelu/default/float32/normal/3x17", "gelu/approximate=often/float32/normal/3x17"]
    monkeypatch.setattr(smoke, "_ids", lambda: {"gelu": names})
    assert [case.id for case in smoke.chosen_for_smoke(SPECS["gelu"])] == names[:1]
    restriction = ("approximate",)
    from assay.specs.language.cases import cases

    asked = cases(SPECS["gelu"], "smoke", [restriction, ("not approximate",)])
    assert asked[0].id == names[0]
    assert any(dict(case.parameters)["approximate"] for case in asked)


def test_the_page_tells_the_power_as_measured_and_it_is_enough():
    tiers = msgspec.json.decode(benchmark.POWER.read_bytes(), type=dict[str, benchmark.Power])
    page = pages.PAGE.read_text("utf-8")
    assert pages.filled(page, benchmark.TEMPLATE, tiers=tiers) == page
    assert tiers["smoke"].caught >= 0.95 * tiers["smoke"].of
    assert tiers["standard"].caught == tiers["standard"].of > 0
    assert tiers["smoke"].cases < tiers["standard"].cases / 5


def test_the_page_is_filled_where_it_is_and_nowhere_else():
    counted = dict.fromkeys(("torch", "tensorflow", "keras", "jax"), 2)
    tiers = dict.fromkeys(benchmark.MEASURED, benchmark.Power(1, counted, 19, 20))
    heading = "## What each tier catches"
    page = f"before\n\n{heading}\n\nold\n\n## After\n\nrest\n"
    filled = pages.filled(page, benchmark.TEMPLATE, tiers=tiers)
    assert re.fullmatch(rf"before\n\n{heading}\n\n.*\n\n## After\n\nrest\n", filled, re.DOTALL)
    assert "old" not in filled
    assert "19 of 20 (95.0%)" in filled
    with pytest.raises(ValueError, match="has no part that begins with"):
        pages.filled("nothing", benchmark.TEMPLATE, tiers=tiers)
