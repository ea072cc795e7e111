"""The cases of smoke on file: each can be asked, together they meet every value, and their power is told."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import msgspec
import pytest

from assay.harness.plan import implementations, refusal, selection
from assay.specs import all_specs
from assay.specs.language import smoke
from assay.specs.language.case import parse
from assay.specs.language.cases import dtypes_of

SPECS = all_specs()
ROOT = Path(__file__).resolve().parents[2]
ON_FILE = smoke.FILE.read_text("utf-8").split()


def benchmark():
    """The module that makes the file."""
    spec = importlib.util.spec_from_file_location("smoke_benchmark", ROOT / "benchmarks" / "smoke.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    module = benchmark()
    tiers = msgspec.json.decode(module.POWER.read_bytes(), type=dict[str, module.Power])
    page = module.PAGE.read_text("utf-8")
    assert module.fill(page, tiers) == page
    assert tiers["smoke"].caught >= 0.95 * tiers["smoke"].of
    assert tiers["standard"].caught == tiers["standard"].of > 0
    assert tiers["smoke"].cases < tiers["standard"].cases / 5


def test_the_page_is_filled_where_it_is_and_nowhere_else():
    module = benchmark()
    tiers = dict.fromkeys(
        module.MEASURED, module.Power(1, dict.fromkeys(("torch", "tensorflow", "keras", "jax"), 2), 19, 20)
    )
    filled = module.fill(f"before\n\n{module.HEADING}\n\nold\n\n## After\n\nrest\n", tiers)
    assert re.fullmatch(rf"before\n\n{module.HEADING}\n\n.*\n\n## After\n\nrest\n", filled, re.DOTALL)
    assert "old" not in filled
    assert "19 of 20 (95.0%)" in filled
    with pytest.raises(ValueError, match="has no part that begins with"):
        module.fill("nothing", tiers)
