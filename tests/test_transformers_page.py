"""The page on transformers shows what the references do now, and would show it if they did otherwise."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "transformers.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("transformers_page", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_references_draw(script):
    assert script.PAGE.read_text("utf-8") == script.page(), "python benchmarks/transformers.py"


def test_another_reference_is_drawn_otherwise(script, monkeypatch):
    right, drawn = script.dot_product_attention, script.alignments()
    changed = {"top_left": "bottom_right", "bottom_right": "top_left"}

    def other(*arrays, causal, **options):
        return right(*arrays, causal=changed[causal], **options)

    monkeypatch.setattr(script, "dot_product_attention", other)
    assert drawn["top_left, 3 of 5"] == ["■ · · · ·", "■ ■ · · ·", "■ ■ ■ · ·"]
    assert script.alignments()["top_left, 3 of 5"] == drawn["bottom_right, 3 of 5"]
