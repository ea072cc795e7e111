"""A layer's row over paths: quiet where it agrees on every path, loud where a path parts."""

from __future__ import annotations

import re

import msgspec
from reports.records import TARGETS, record, verdict

from assay.harness.record import Margin
from assay.reports import html
from assay.reports.console import plain_text
from assay.reports.overview import Overview
from assay.reports.paths import ways
from assay.reports.site import write_site

PATHS = [
    msgspec.structs.replace(TARGETS[0], name=f"torch/cpu/{mode}".removesuffix("/eager"), mode=mode)
    for mode in ("eager", "compiled", "vmap")
]
NAMES = [path.name for path in PATHS]


def on_paths(*outcomes, **more):
    """A record of one case on three paths."""
    verdicts = [verdict(o, target=name, **more) for o, name in zip(outcomes, NAMES, strict=True)]
    return record(*verdicts, targets=(*PATHS, TARGETS[1]))


def parting(found):
    (one,) = ways(Overview(found))
    return {path: dict(parting.counts) for path, parting in one.parting.get("gelu", {}).items()}


def test_a_path_parts_where_its_verdict_is_another_than_most_have():
    assert parting(on_paths("conforms", "differs", "conforms")) == {"compiled": {"differs": 1}}
    assert parting(on_paths("differs", "differs", "conforms")) == {"vmap": {"conforms": 1}}
    assert parting(on_paths("inaccurate", "differs", "inaccurate")) == {"compiled": {"differs": 1}}


def test_all_that_passes_agrees_and_what_is_unsupported_is_no_verdict():
    assert parting(on_paths("conforms", "unsupported", "deviates")) == {}
    assert parting(on_paths("unsupported", "unsupported", "differs")) == {}
    (one,) = ways(Overview(on_paths("unsupported", "unsupported", "differs")))
    assert one.asked == frozenset()
    assert parting(on_paths("conforms", "conforms", "rejects", check="mode")) == {}


def test_a_path_without_gradients_does_not_part_where_the_others_fail_by_theirs():
    values, both = Margin("y", 0.5, 0.1), Margin("gradient of x", 0.5, 0.1)
    for margins, parts in (((values,), {}), ((values, both), {"vmap": {"conforms": 1}})):
        *wrong, right = on_paths("differs", "differs", "conforms", check="gradients").verdicts
        found = record(
            *wrong, msgspec.structs.replace(right, check="", margins=margins), targets=(*PATHS, TARGETS[1])
        )
        assert parting(found) == parts


def test_a_framework_on_one_path_has_no_row_over_paths():
    assert list(ways(Overview(record(verdict())))) == []
    assert "by path" not in plain_text(record(verdict()))


def test_agreement_is_one_quiet_mark_and_a_path_that_parts_is_named():
    def shown(found):
        lines = plain_text(found).partition("by path")[2].splitlines()
        return next(" ".join(line.split()) for line in lines if line.strip().startswith("gelu"))

    assert shown(on_paths("conforms", "conforms", "conforms")) == "gelu ="
    assert shown(on_paths("conforms", "differs", "conforms")) == "gelu compiled 1 ≠"


def test_on_a_page_agreement_is_quiet_and_a_path_that_parts_leads_to_its_worst_verdict(tmp_path):
    parted, agreed = on_paths("conforms", "differs", "conforms"), on_paths("conforms", "conforms", "conforms")
    write_site({"parted": parted}, tmp_path / "parted")
    write_site({"agreed": agreed}, tmp_path / "agreed")
    (case,) = {found.case for found in parted.verdicts}
    told = f"case={case}&amp;{{}}={parted.verdicts[0].implementation}&amp;{{}}={{}}"
    for text, link in (
        (html.render(parted), "#" + told.format("implementation", "target", NAMES[1])),
        (
            (tmp_path / "parted" / "index.html").read_text("utf-8"),
            "specs/gelu.html#" + told.format("api", "place", 1),
        ),
    ):
        assert re.findall(r'<a class="parts chip (\w+)" href="([^"]*)"><b>(\w+)</b>', text) == [
            ("differs", link, "compiled")
        ]
        assert 'class="agrees"' not in text
    for text in (html.render(agreed), (tmp_path / "agreed" / "index.html").read_text("utf-8")):
        assert (text.count('class="agrees"'), text.count('class="parts ')) == (1, 0)
    assert "Layers by path" not in html.render(record(verdict()))
