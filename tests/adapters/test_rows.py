"""A row is rendered into the code that a user would write, and that code is a binding like any other."""

from __future__ import annotations

import inspect
import traceback

import pytest

from assay.adapters import binding, rows
from assay.adapters.lazy import Lazy

TAKEN = "a spec of these tests"


def called(built, *inputs, **weights):
    return built, inputs, weights


class Tool:
    """Stands for a framework: what it is called with, it returns."""

    __name__ = "tool"

    def __init__(self):
        self.fails = None

    def function(self, *inputs, **options):
        if self.fails:
            raise self.fails
        return inputs, options

    def Layer(self, **options):
        return lambda *inputs: (options, inputs)


tool = Tool()
function, module = rows.rows("torch", called, tool=tool)


def doubled(number):
    return 2 * number


def bound(word, api, *of, **form):
    word(TAKEN, api, *of, **form)
    return binding._registered["torch"][f"{TAKEN}:{api}"]


def test_a_function_is_called_with_arrays_by_position_then_by_name_then_with_options():
    options = {"rate": "1 - keep", "by": "doubled(n)"}
    row = bound(function, "tool.function", options, {"weight": "kernel.T"}, on="x, y")
    assert inspect.getsource(row.function) == (
        "def call(x, y, kernel, keep, n):\n"
        "    return tool.function(x, y, weight=kernel.T, rate=1 - keep, by=doubled(n))\n"
    )
    assert row.arguments == ("x", "y", "kernel", "keep", "n")
    assert row.build is None


def test_a_module_is_built_from_its_options_and_called_with_its_weights():
    weights = {"weight": "kernel", "in.bias": "bias"}
    row = bound(module, "tool.Layer(twice)", {"size": "len(kernel)"}, weights)
    assert inspect.getsource(row.build) == "def build(kernel):\n    return tool.Layer(size=len(kernel))\n"
    assert inspect.getsource(row.function) == (
        "def call(built, x, kernel, bias):\n    return called(built, x, weight=kernel, **{'in.bias': bias})\n"
    )
    assert (row.built_from, row.called_with) == (("kernel",), ("x", "kernel", "bias"))
    built = row.build([1, 2])
    assert built(3) == ({"size": 2}, (3,))
    assert row.function(built, 3, [1, 2], 4) == (built, (3,), {"weight": [1, 2], "in.bias": 4})


def test_an_api_is_called_under_the_name_that_users_give_the_nearest_module():
    modules = {"whole": Lazy("tools"), "part": Lazy("tools.parts")}
    shortened, _ = rows.rows("torch", **modules)
    for api, call in (("tools.parts.turn(left)", "part.turn(x)"), ("tools.partsturn", "whole.partsturn(x)")):
        assert f"return {call}" in inspect.getsource(bound(shortened, api).function)


def test_what_comes_out_is_taken_apart_and_arranged():
    form = {"on": "h, (c,)", "gives": "(h, c), rest", "returns": "c[0] + n, rest"}
    row = bound(function, "tool.function", {"n": "n"}, **form)
    assert row.arguments == ("h", "c", "n")
    assert row.function(1, 2, 3) == (5, {"n": 3})


def test_a_module_may_be_changed_before_it_is_called():
    row = bound(module, "tool.Layer", {"n": "n"}, then=".__call__")
    assert inspect.getsource(row.build) == "def build(n):\n    return tool.Layer(n=n).__call__\n"


def test_an_option_that_older_releases_lack_is_left_out_at_its_default():
    row = bound(function, "tool.function", {"new": "not old"}, defaults={"new": True})
    assert [row.function(0, old) for old in (True, False)] == [((0,), {"new": False}), ((0,), {})]


def test_names_of_a_comprehension_and_of_the_module_are_no_arguments():
    row = bound(function, "tool.function", {"w": "[doubled(low) for low, _ in padding if low < max(n, 1)]"})
    assert row.arguments == ("x", "padding", "n")


def test_an_error_shows_the_call_in_a_file_beside_the_module(monkeypatch):
    row = bound(function, "tool.function")
    monkeypatch.setattr(tool, "fails", ValueError("no"))
    with pytest.raises(ValueError, match="no") as caught:
        row.function(1)
    place = traceback.extract_tb(caught.value.__traceback__)[1]
    assert (place.filename, place.line) == (f"{__file__}:{TAKEN}:tool.function", "return tool.function(x)")


def test_a_row_that_is_no_expression_is_refused_where_it_stands():
    with pytest.raises(SyntaxError):
        bound(function, "tool.function", {"rate": "keep keep"})


def test_a_parameter_is_pinned_with_the_reason():
    row = bound(function, "tool.function", where={"n > 0": "counts"}, fixed={"mode": ("up", "has one mode")})
    assert row.where == {"mode == 'up'": "has one mode", "n > 0": "counts"}


def test_what_a_call_has_no_use_for_is_an_argument_all_the_same():
    row = bound(function, "tool.function", {"n": "n"}, unused=("groups",))
    assert inspect.getsource(row.function) == "def call(x, n, groups):\n    return tool.function(x, n=n)\n"
    assert row.arguments == ("x", "n", "groups")


def ready(layer, *inputs, **options):
    return layer, inputs, options


def test_what_builds_a_module_is_given_to_its_call_too():
    """It is built once for many data, so that it would be made of the first ones."""
    with pytest.raises(ValueError, match=r"tool\.Stale: weights builds the module"):
        bound(module, "tool.Stale", {"weight": "weights"}, unused=("weights",))


def test_a_module_may_be_made_ready_for_what_goes_in():
    _, prepared = rows.rows("torch", called, ready, tool=tool)
    row = bound(prepared, "tool.Layer(ready)", {"n": "n"}, {"weight": "kernel"}, on="x[0], training=True")
    assert inspect.getsource(row.build) == (
        "def build(n, x):\n    return ready(tool.Layer(n=n), x[0], training=True)\n"
    )
    made, inputs, options = row.build(3, [4])
    assert (made(5), inputs, options) == (({"n": 3}, (5,)), (4,), {"training": True})
