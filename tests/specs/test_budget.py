"""What the smoke tier costs, in counts: growth is noticed here, and not when the tests have become slow.

What a framework compiles for a configuration, of each implementation, is most of what a run takes; the faults
of a spec are most of what an audit takes. A layer that needs more is worth a look, and then a greater budget.
"""

from __future__ import annotations

from collections import Counter

import pytest
from support import sample as samples
from support.sample import BUDGET, drawn, sample

from assay.harness.auditing.faults import faults
from assay.harness.plan import implementations, plan, refusal, selection
from assay.specs import all_specs

SPECS = all_specs()

CONFIGURATIONS = {"torch": 8, "tensorflow": 5, "keras": 8, "jax": 9}
"""Configurations of smoke that the implementations of a framework are asked, averaged over the specs."""

OF_ONE_SPEC = 170
"""Configurations of smoke that all implementations of one spec are asked."""

CASES = 100
"""Smoke cases of one spec."""

FAULTS = 1750
"""Faults of one spec, those that follow from it included; most has attention of seventeen arrays."""


@pytest.fixture(scope="module")
def configurations():
    """How many each framework is asked of each spec."""
    found = {}
    for name, spec in SPECS.items():
        cases = selection(spec, "smoke")
        found[name] = Counter()
        for binding in implementations(spec):
            asked = {case.configuration for case in cases if refusal(binding, case) is None}
            found[name][binding.framework] += len(asked)
    return found


def test_all_specs_together_keep_to_what_a_framework_may_compile(configurations):
    together = sum(configurations.values(), Counter())
    assert {name for name, count in together.items() if count > CONFIGURATIONS[name] * len(SPECS)} == set()


def test_no_spec_takes_the_budget_of_many(configurations):
    assert {name for name, count in configurations.items() if count.total() > OF_ONE_SPEC} == set()
    assert {name for name, spec in SPECS.items() if len(selection(spec, "smoke")) > CASES} == set()
    assert {name for name, spec in SPECS.items() if len(faults(spec)) > FAULTS} == set()


def keys(questions):
    return {b.key for q in questions for b in q.bindings if refusal(b, q.case) is None}


def test_what_the_tests_ask_reaches_every_implementation_within_the_budget():
    smoke = plan(SPECS.values(), "smoke")
    asked = sample(smoke)
    assert keys(asked) == keys(smoke)
    compiled = {
        (b.key, q.case.configuration) for q in asked for b in q.bindings if refusal(b, q.case) is None
    }
    assert len(compiled) <= BUDGET
    assert asked == sample(smoke)
    with pytest.raises(AssertionError, match="each implementation once is"):
        sample(smoke, len(keys(smoke)) - 1)


def test_a_draw_of_specs_keeps_its_size_and_its_order_and_can_be_lifted(monkeypatch):
    monkeypatch.setattr(samples, "EVERY", False)
    ten = drawn(SPECS, 10, always=["relu"])
    assert len(ten) in (10, 11)
    assert ten == [name for name in SPECS if name in ten]
    assert "relu" in ten
    assert set(drawn(SPECS, 5)) < set(drawn(SPECS, 10))
    monkeypatch.setattr(samples, "EVERY", True)
    assert drawn(SPECS, 10) == list(SPECS)
