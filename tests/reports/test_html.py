"""The page: one file that loads nothing, escapes everything and holds every verdict."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reports.records import ABSENT, CASE, GELU, at_scale, differing, record, verdict

from assay.harness.record import OUTCOMES, Record, SpecFacts, Target
from assay.reports import html
from assay.reports.html import SCALE, magnitude
from assay.reports.overview import Overview, largest_margin

HOSTILE = "</script><script>alert(1)</script><b>bold</b><!-- \u2028 {{ 7 * 7 }} {% raw %} \" ' & &lt;"
VOID = {"meta", "link", "wbr", "br", "input", "line", "path", "rect"}


class Page(HTMLParser):
    """The elements of a page; checks that they are nested soundly."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self._open[-1:]:
            self.texts.setdefault(tag, []).append(data)

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.elements if name in attributes]

    def with_class(self, name: str) -> list[dict[str, str | None]]:
        return [a for _, a in self.elements if name in (a.get("class") or "").split()]

    @property
    def data(self) -> dict[str, Any]:
        """What the page hands to its script."""
        (text,) = (t for t in self.texts["script"] if t.startswith("{"))
        return json.loads(text)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def scaled() -> Record:
    return at_scale(cases=20)


@pytest.fixture(scope="module")
def page(scaled: Record) -> Page:
    return Page(html.render(scaled))


def hostile() -> Record:
    """A record in which every text tries to be markup."""
    target = Target(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        HOSTILE,
        True,
        HOSTILE,
        *[{HOSTILE: HOSTILE}] * 2,
        HOSTILE,
        {HOSTILE: HOSTILE},
    )
    three, one = (HOSTILE,) * 3, (HOSTILE,)
    facts = SpecFacts(
        *[HOSTILE] * 4, (three,), ((HOSTILE, one, HOSTILE, True),), (three,), one, one, ((HOSTILE, HOSTILE),)
    )
    texts = dict.fromkeys(("case", "implementation", "target", "message", "check", "profile"), HOSTILE)
    verdicts = [differing(**texts, explained_by=HOSTILE, notes=one, reproduction=HOSTILE, digest=HOSTILE)]
    verdicts += [verdict(outcome, **texts, deviation=HOSTILE) for outcome in OUTCOMES]
    plain = dict.fromkeys(("assay", "started", "tier", "command"), HOSTILE)
    return record(
        *verdicts,
        **plain,
        machine={HOSTILE: HOSTILE},
        targets=(target,),
        specs=(facts,),
        timings={HOSTILE: 1.0},
    )


# --- one file --------------------------------------------------------------------------------------------


def test_the_page_loads_nothing(scaled: Record, page: Page) -> None:
    assert page.attributes("src") == []
    assert page.attributes("srcset") == []
    assert [a["href"] for tag, a in page.elements if tag == "link"] == ["data:,"]
    assert not {tag for tag, _ in page.elements} & {
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "video",
        "audio",
    }
    style = "".join(page.texts["style"])
    assert "url(" not in style
    assert "@import" not in style
    script = next(text for text in page.texts["script"] if "use strict" in text)
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|import|eval|innerHTML|insertAdjacentHTML|WebSocket)\b", script
    )


def test_links_lead_to_sources_or_into_the_page(scaled: Record, page: Page) -> None:
    sources = {link for spec in scaled.specs for _, link in spec.sources}
    inside = {f"#{name}" for name in page.attributes("id")}
    for tag, attributes in page.elements:
        if tag == "a":
            link = attributes["href"] or ""
            assert link in sources or link in inside or "=" in link.partition("#")[2]


def test_ids_are_unique(page: Page) -> None:
    assert [name for name, count in Counter(page.attributes("id")).items() if count > 1] == []


def test_the_policy_lets_the_page_s_own_script_run_and_no_other(page: Page) -> None:
    script = next(text for text in page.texts["script"] if "use strict" in text)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = (
        a["content"] or "" for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}'" in policy
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


@pytest.mark.skipif(not shutil.which("node"), reason="no node to parse JavaScript with")
def test_the_script_is_javascript() -> None:
    subprocess.run(["node", "--check", html.TEMPLATES / "report.js"], check=True)


# --- what it says without its script ---------------------------------------------------------------------


def test_totals_matrix_and_findings_are_html(scaled: Record, page: Page) -> None:
    overview = Overview(scaled)
    assert len(page.with_class("chip")) == len(overview.cells)
    assert len(page.with_class("finding")) == len(overview.findings)
    assert len(page.with_class("theme")) == len(overview.themes)
    assert len(page.with_class("spec")) == len(scaled.specs)
    bold = page.texts["b"]
    assert f"{overview.failing:,}" in bold
    assert all(f"{count:,}" in bold for count in overview.totals.values())


def test_chips_wear_the_worst_outcome(scaled: Record, page: Page) -> None:
    cells = Overview(scaled).cells
    for chip in page.with_class("chip"):
        assert (chip["class"] or "").split() == ["chip", cells[int(chip["data-cell"] or "")].outcome]


def test_the_headline_says_what_came_of_it() -> None:
    headline = {
        "Nothing was asked": record(),
        "Nothing fails in 1 verdict": record(verdict()),
        "<b>1</b> of 2 verdicts fails: 1 new": record(verdict(), differing()),
        "<b>2</b> of 2 verdicts fail: 2 new": record(differing(), verdict("hung")),
    }
    for said, shown in headline.items():
        assert f"<h1>{said}.</h1>" in html.render(shown)


def test_absent_targets_and_an_early_end_are_said() -> None:
    text = html.render(record(targets=(ABSENT,), implementations=(), complete=False))
    Page(text)
    assert "The run is incomplete." in text
    assert f"Not tested: {ABSENT.reason}" in text


def test_a_spec_s_page_holds_all_that_the_record_says_of_it() -> None:
    text = html.render(record(verdict()))
    (name, axes, meaning), (parameter, _, about, _), constraint = (
        GELU.inputs[0],
        GELU.parameters[0],
        GELU.constraints[0],
    )
    for part in (name, axes, meaning, parameter, about, *constraint[::2], GELU.sources[0][1], "facet"):
        assert part in text
    assert "<code>gelu(x) = x Φ(x) = x/2 erfc(-x/√2)</code>" in text


# --- escaping --------------------------------------------------------------------------------------------


def test_nothing_in_a_record_becomes_markup() -> None:
    page = Page(html.render(hostile()))
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert "bold" not in page.texts["b"]
    assert "49" not in "".join(page.texts["code"])
    assert HOSTILE in page.data["strings"]
    links = page.attributes("href")
    assert all(link.startswith(("#", "data:,")) for link in links)


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//example.org", " https://x"])
def test_a_source_that_is_no_web_page_is_no_link(link: str) -> None:
    facts = SpecFacts("gelu", "activations", "", "", (), (), (), (), (), (("a page", link),))
    assert link not in Page(html.render(record(verdict(), specs=(facts,)))).attributes("href")


@settings(max_examples=25)
@given(st.text(st.characters(), max_size=40))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    shown = differing(case=f"gelu/{text}", implementation=text, message=text, reproduction=text)
    page = Page(html.render(record(shown)).encode("utf-8", "replace").decode())
    whole = text.encode("utf-8", "replace").decode()
    assert whole in page.data["strings"]
    assert page.data["cases"] == [f"gelu/{whole}"]


# --- the data --------------------------------------------------------------------------------------------


def test_the_data_hold_every_verdict(scaled: Record, page: Page) -> None:
    data = page.data
    column, strings = data["verdicts"], data["strings"]
    for number, expected in enumerate(scaled.verdicts):
        spec, implementation, target = data["cells"][column["cell"][number]]
        assert (spec, implementation, target) == (expected.spec, expected.implementation, expected.target)
        assert data["cases"][column["case"][number]] == expected.case
        assert data["outcomes"][column["outcome"][number]] == expected.outcome
        assert data["profiles"][column["profile"][number]] == (expected.profile or "")
        margin = largest_margin(expected)
        shown = column["margin"][number]
        assert shown == margin or shown == -1 or f"{margin:.3g}" == f"{shown:.3g}"
        if expected.outcome != "conforms":
            check, message, explained, deviation, notes, margins, worst, digest, _, script = data["details"][
                column["detail"][number]
            ]
            assert (strings[check], strings[message]) == (expected.check, expected.message)
            assert (strings[explained], strings[deviation]) == (
                expected.explained_by or "",
                expected.deviation or "",
            )
            assert tuple(strings[note] for note in notes) == expected.notes
            assert [strings[m[0]] for m in margins] == [m.array for m in expected.margins]
            assert (worst is None) == (expected.worst is None)
            assert digest == expected.digest
            assert "\n".join(strings[line] for line in script) == (expected.reproduction or "")


def test_findings_name_their_verdicts(scaled: Record, page: Page) -> None:
    found = [[scaled.verdicts[n] for n in numbers] for numbers in page.data["findings"]]
    assert found == [list(finding.verdicts) for finding in Overview(scaled).findings]


def test_every_outcome_and_target_that_the_script_meets_is_known(scaled: Record, page: Page) -> None:
    data = page.data
    assert {target for _, _, target in data["cells"]} <= set(data["targets"])
    assert {spec for spec, _, _ in data["cells"]} <= set(data["families"])
    assert set(data["outcomes"]) == set(data["marks"]) == set(data["meanings"]) == set(OUTCOMES)


def test_a_page_of_twenty_thousand_verdicts_stays_small() -> None:
    scaled = at_scale(cases=130)
    assert len(scaled.verdicts) > 20_000
    assert len(html.render(scaled)) < 2_000_000


def test_scripts_past_the_budget_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "SCRIPTS", 250)
    verdicts = [differing(case=f"{CASE}{n}", reproduction="x" * 100) for n in range(5)]
    data = Page(html.render(record(*verdicts))).data
    assert data["scriptsLeftOut"] == 3
    assert [len(detail[-1]) for detail in data["details"]] == [1, 1, 0, 0, 0]


# --- the picture -----------------------------------------------------------------------------------------


def test_the_scale_has_a_line_at_one_between_what_conforms_and_what_does_not() -> None:
    one = SCALE.position(0) * SCALE.width / 100
    assert SCALE.place(0.999) + 1 == one == SCALE.place(1.001)
    places = [SCALE.place(m) for m in (0.0, 1e-30, 1e-4, 0.5, 2.0, 1e7, 1e200, float("inf"))]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-1] == SCALE.width - 2


def test_every_margin_is_in_the_picture(scaled: Record) -> None:
    spectra = html._spectra(scaled.verdicts)
    with_margin = [v for v in scaled.verdicts if v.margins]
    assert sum(c.total() for c in spectra[""].counts.values()) == len(with_margin)
    assert spectra[""].counts["bad"].total() == sum(v.failing for v in with_margin)
    assert set(spectra) - {""} == {v.spec for v in with_margin}


def test_bars_stay_in_their_box() -> None:
    for spectrum in html._spectra(at_scale(cases=20).verdicts).values():
        for kind in html.KINDS:
            for x, height, width in re.findall(r"M(\d+) 100v-(\d+)h(\d+)", spectrum.path(kind)):
                assert int(x) + int(width) <= SCALE.width
                assert int(height) <= 100


def test_numbers_are_set_for_reading() -> None:
    values = (0.0, 0.03125, 0.5, 41.0, 61_400.0, 718_000.0, 1e6, 2.5e-7, float("inf"))
    assert [magnitude(v) for v in values] == [
        "0",
        "0.0312",
        "0.5",
        "41",
        "61,400",
        "7.18×10⁵",
        "10⁶",
        "2.5×10⁻⁷",
        "∞",
    ]


# --- for everyone ----------------------------------------------------------------------------------------


def colours(style: str) -> list[dict[str, str]]:
    """The palettes of the page: light, then dark."""
    return [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.S)
    ]


def luminance(colour: str) -> float:
    """Relative luminance of sRGB (WCAG 2, definition of relative luminance)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "wash"])
def test_text_stands_out_from_its_ground(palette: int, ground: str) -> None:
    chosen = colours((html.TEMPLATES / "report.css").read_text("utf-8"))[palette]
    assert set(OUTCOMES) <= set(chosen)
    for name in ("ink", "soft", "link", *OUTCOMES):
        bright, dim = sorted((luminance(chosen[name]), luminance(chosen[ground])), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 4.5, name  # WCAG 2, criterion 1.4.3


def test_words_in_empty_fields_have_a_colour_that_stands_out() -> None:
    style = (html.TEMPLATES / "report.css").read_text("utf-8")
    assert re.findall(r"::placeholder \{ color: var\(--(\w+)\); opacity: 1; \}", style) == ["soft"]


def test_pictures_and_fields_have_names(page: Page) -> None:
    for tag, attributes in page.elements:
        if tag in ("input", "select", "form", "nav"):
            assert attributes.get("aria-label")
        if tag == "svg":
            assert attributes.get("role") == "img"
            assert attributes.get("aria-label")


# --- in a browser ----------------------------------------------------------------------------------------

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to open the page in")
@pytest.mark.parametrize(
    ("address", "place", "said"),
    [
        (f"#case={CASE}", "dialog", "The same case elsewhere"),
        (f"#case={CASE}&implementation=torch.nn.GELU", "dialog", "torch.nn.GELU on torch/cpu"),
        (f"#q=x&case={CASE}", "dialog", f"assay repro {CASE} --implementation torch.nn.functional.gelu"),
        ("#implementation=torch.nn.GELU", "dialog", "1 case"),
        ("#case=no/such/case", "dialog", "This run holds no verdict on no/such/case."),
        ("#outcome=differs", "output", "1 of 2 verdicts"),
        ("#q=tf32", "output", "1 of 2 verdicts"),
        ("#dtype=float32&framework=torch", "output", "2 of 2 verdicts"),
    ],
)
def test_an_address_leads_to_what_it_names(tmp_path: Path, address: str, place: str, said: str) -> None:
    path = tmp_path / "index.html"
    shown = record(differing(), verdict(implementation="torch.nn.GELU"))
    path.write_text(html.render(shown), "utf-8")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path}/profile", "--dump-dom", path.as_uri() + address]
    page = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    (inside,) = re.findall(rf"<{place}\b.*?</{place}>", page, re.DOTALL)
    assert said in re.sub(r"<[^>]*>", "", inside)
