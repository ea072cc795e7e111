"""What a spec need not say: what follows from the axes of its inputs, and from its reference."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from assay.reference import dense as reference
from assay.specs import all_specs
from assay.specs.language.axes import agreements, in_order
from assay.specs.language.cases import invalid_cases
from assay.specs.language.spec import Constraint, Input, Parameter, Spec

SPECS = all_specs()


@pytest.mark.parametrize(
    ("shapes", "order"),
    [
        (["batch, features", "features, units"], "batch features units"),
        (["batch, *(height, width, 2)[:spatial], channels"], "batch height width channels"),
        (["batch, 1 if shared == 'maps' else length", "max(batch, steps)"], "batch length steps"),
        (["", "units"], "units"),
    ],
)
def test_axes_are_in_the_order_in_which_they_are_first_named(shapes, order):
    assert in_order(shapes, ["spatial", "shared"]) == order


def test_an_axis_that_inputs_share_is_one_longer_in_the_first_of_them():
    shapes = {"x": "batch, time, features", "kernel": "features, 4 * units", "bias": "4 * units"}
    assert list(agreements(shapes, ["batch", "time", "features", "units"])) == [
        (
            "features",
            "x[2] == kernel[0]",
            "x and kernel must agree in features",
            {"x": "batch, time, features + 1"},
        )
    ]


def test_an_axis_is_found_from_the_end_where_options_move_it():
    shapes = {"x": "batch, *(height, width)[:spatial], channels", "mean": "channels", "scale": "channels"}
    ((label, rule, meaning, broken_by),) = agreements(shapes, ["batch", "channels"])
    assert (label, rule) == ("channels", "x[-1] == mean[0] == scale[0]")
    assert meaning == "x, mean and scale must agree in channels"
    assert broken_by == {"x": "batch, *(height, width)[:spatial], channels + 1"}


def test_an_axis_between_others_that_move_is_not_compared():
    shapes = {"x": "*(batch,)[:rank], time, *(features,)[:rank]", "mask": "time"}
    assert list(agreements(shapes, ["time"])) == []


def test_inputs_that_meet_element_by_element_are_broken_by_what_would_be_spread():
    shapes = {"predictions": "batch, features", "targets": "batch, features"}
    assert list(agreements(shapes, ["batch", "features"])) == [
        (
            "shape",
            "predictions == targets",
            "targets must have the shape of predictions",
            {"targets": "batch, 1"},
        )
    ]


@pytest.mark.parametrize("shapes", [{"x": "batch, features"}, {}, {"x": "batch", "kernel": "features"}])
def test_what_nothing_is_shared_with_need_not_agree(shapes):
    assert list(agreements(shapes, ["batch", "features"])) == []


def written(**more):
    """A spec that says no more than it must."""
    return Spec(
        reference=reference.dense,
        inputs=(Input("x", "batch, features"), Input("kernel", "features, units", when="given")),
        parameters=(Parameter("given", (True, False), "whether there is a kernel"),),
        sizes=((3, 5, 2),),
        data=("normal",),
        **more,
    )


def test_a_spec_has_the_name_and_the_vjp_of_its_reference():
    spec = written()
    assert (spec.name, spec.vjp, spec.axes) == ("dense", reference.dense_vjp, "batch features units")
    other = written(name="other", vjp=reference.dense, axes="features batch units")
    assert (other.name, other.vjp, other.axes) == ("other", reference.dense, "features batch units")


def test_a_rule_that_is_written_stands_in_the_place_of_the_one_that_follows():
    own = Constraint("features", "x[1] <= kernel[0]", "few features", broken_by={"x": "batch, features + 2"})
    assert [c.meaning for c in written().constraints] == ["x and kernel must agree in features"]
    assert written(constraints=(own,)).constraints == (own,)


def test_a_spec_that_is_changed_has_each_rule_once():
    spec = dataclasses.replace(written(), data=("wide",))
    assert [constraint.label for constraint in spec.constraints] == ["features"]


def test_inputs_that_the_first_case_lacks_are_not_compared():
    turned = dataclasses.replace(written().parameter("given"), values=(False, True))
    assert dataclasses.replace(written(), parameters=(turned,), constraints=()).constraints == ()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_nothing_is_written_that_follows(spec):
    """Names, axes and rules that a spec could leave out: then the two may come to differ."""
    home = sys.modules[f"assay.specs.{spec.family}"]
    text = home.__loader__.get_source(home.__name__)
    assert f'name="{spec.reference.__name__}",' not in text
    assert f"vjp=reference.{spec.reference.__name__}_vjp," not in text


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_axis_that_given_inputs_share_has_its_breach(spec):
    first = next(iter(invalid_cases(spec)), None)
    if first is None:
        return
    names = {**dict(zip(spec.axis_names, spec.sizes[0], strict=True)), **spec.defaults}
    given = [i.axes.split(", ") for i in spec.given(names) if i.kind != "recovered"]
    shared = {axis for axis in spec.axis_names if sum(axis in axes for axes in given) > 1}
    labels = {constraint.label for constraint in spec.constraints}
    broken = {name for constraint in spec.constraints for name in constraint.broken_by}
    own = {i.name for i in spec.inputs if "*" in i.axes}  # a rule about their lengths breaks them
    assert shared <= labels or "shape" in labels or own <= broken != set()


def test_losses_of_elements_are_given_a_vector_beside_a_column_too():
    for name in ("mean_squared_error", "poisson_nll", "gaussian_nll", "sigmoid_cross_entropy", "hinge"):
        spec = all_specs()[name]
        last = [i.name for i in spec.inputs if i.axes == "batch, features"][-1]
        last = "targets" if name == "sigmoid_cross_entropy" else last
        assert spec.breach("shape.2")[1] == {"features": "1", last: "batch"}
    assert "shape.2" not in {b for c in all_specs()["poly_cross_entropy"].constraints for b in c.breaches}
