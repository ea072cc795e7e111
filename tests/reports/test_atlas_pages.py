"""The pages of the atlas: each layer has its part, which names what is bound and says what is measured."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from support.atlases import ATLAS, EPS

from assay.adapters.binding import bindings
from assay.harness.mapping.arguments import Desk
from assay.harness.plan import implementations
from assay.harness.running.processes import Worker, WorkerSettings
from assay.harness.running.provenance import target_facts
from assay.reports.atlas import default_of, layers_in, with_layers
from assay.reports.atlas_html import write_atlas
from assay.specs import all_specs

PAGES = Path(__file__).parents[2] / "docs/atlas"
SPECS = all_specs()
PARTS = {spec.name: layers_in(PAGES / f"{spec.family}.md").get(spec.name, "") for spec in SPECS.values()}
BOUND = re.compile(r"^- (?:torch|tensorflow|keras|jax): (.*)$", re.MULTILINE)

DRAWN = (
    ("layer_norm", "torch.nn.LayerNorm", "eps"),
    ("avg_pool2d", "torch.nn.AvgPool2d", "stride"),
    ("sparse_softmax_cross_entropy", "torch.nn.functional.cross_entropy", "ignore_index"),
)
"""What is measured anew: a number, what follows from another argument, and what nothing tells apart."""


def anew(names):
    """What a person should do."""
    return f"docs/atlas is stale; measure these layers anew: assay atlas {' '.join(names)} --out docs/atlas"


def test_every_layer_names_the_implementations_that_are_bound_now():
    stale = [
        name
        for name, part in PARTS.items()
        if set(re.findall(r"`([^`]+)`", " ".join(BOUND.findall(part))))
        != {b.api for b in implementations(SPECS[name])}
    ]
    assert not stale, anew(stale)


def test_the_pages_have_no_layer_that_is_gone():
    there = {name for file in PAGES.glob("*.md") if file.name != "README.md" for name in layers_in(file)}
    assert there == set(SPECS)
    assert {file.stem for file in PAGES.glob("*.md")} == {"README", *(spec.family for spec in SPECS.values())}


@pytest.fixture(scope="module")
def desk():
    settings = WorkerSettings("torch")
    worker = Worker(settings)
    yield Desk(worker, target_facts(settings, worker.start()))
    worker.stop()


@pytest.mark.parametrize(("name", "api", "option"), DRAWN)
def test_the_pages_say_what_is_measured_now(name, api, option, desk):
    spec, binding = SPECS[name], bindings()[f"{name}:{api}"]
    found = desk.measured(binding, spec, option, desk.options(binding, spec)[option])
    told = re.search(rf"^\| `{re.escape(api)}` \| `{option}` \| .* \| (.*) \|$", PARTS[name], re.MULTILINE)
    assert told is not None, anew([name])
    assert told[1].strip("`") == default_of(found), anew([name])


def test_a_layer_that_is_measured_anew_takes_its_own_place():
    page = "# Family\n\n## one\n\nold\n\n## two\n\nkept\n\n"
    assert with_layers(page, "# Family\n\n## one\n\nnew\n\n## three\n\nmore\n\n") == (
        "# Family\n\n## one\n\nnew\n\n## two\n\nkept\n\n## three\n\nmore\n\n"
    )


def test_a_page_in_html_says_what_the_markdown_says_and_marks_what_differs(tmp_path):
    other = msgspec.structs.replace(EPS, api="torch.nn.functional.layer_norm", values=({"epsilon": 1e-3},))
    one = msgspec.structs.replace(EPS, values=({"epsilon": 1e-5},))
    for arguments, unlike in (((one, other), 2), ((one, one), 0)):
        atlas = msgspec.structs.replace(ATLAS, arguments=arguments)
        pages = write_atlas(atlas, [SPECS["layer_norm"]], tmp_path)
        assert [page.name for page in pages] == ["index.html", "layer_norm.html"]
        text = pages[1].read_text("utf-8")
        assert text.count('class="unlike"') == unlike
        for said in ("<code>1e-05</code>", "eps=-1", "float32 (3, 17) NaN", "training", 'class="axis batch"'):
            assert said in text
    index = pages[0].read_text("utf-8")
    assert "torch.nn.layernorm" in index
    assert "eps" in index
