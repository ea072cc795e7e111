"""The site: pages of every spec and API, pieces that hold every verdict, and no page that is large."""

import csv
import json
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser

import msgspec
import pytest
from reports.records import CASE, TARGETS, at_scale, differing, record, verdict
from support.atlases import ATLAS, EPS

from assay import reports
from assay.cli import main
from assay.harness.record import Margin, write
from assay.reports import site
from assay.reports.accuracy import accuracies
from assay.reports.html import TEMPLATES
from assay.reports.overview import WORST_FIRST, largest_margin
from assay.reports.site import write_site

LARGEST = 1_000_000
"""Bytes of any file of a site."""


@pytest.fixture(scope="module")
def scaled():
    return at_scale(cases=20)


@pytest.fixture(scope="module")
def folder(scaled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_site({"run": scaled}, folder)
    return folder


class Links(HTMLParser):
    """Every address that a page names, and its elements."""

    def __init__(self, text):
        super().__init__()
        self.found, self.elements = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.found += [value for name, value in attributes if name in ("href", "src")]


def handed(path):
    """What a script hands over, argument by argument."""
    text = path.read_text("utf-8").strip()
    function, _, arguments = text.partition("(")
    return function, json.loads(f"[{arguments[:-1]}]")


def pieces(folder):
    for path in (folder / "data").glob("[0-9]*.js"):
        yield handed(path)[1]


def test_every_verdict_lies_in_one_piece(folder, scaled):
    found = Counter()
    for page in (folder / "specs").glob("*.html"):
        data = json.loads(re.search(r'id="page">(.*?)</script>', page.read_text("utf-8"), re.S)[1])
        for number, spec, api, size in data["pieces"]:
            _, piece = handed(folder / "data" / f"{number}.js")[1]
            assert len(piece["case"]) == size
            for case, place, outcome, margin in zip(
                *(piece[name] for name in ("case", "place", "outcome", "margin")), strict=True
            ):
                told = f"{spec}/{piece['cases'][case]}", api, data["places"][place][0]
                found[(*told, WORST_FIRST[outcome], margin is None)] += 1
    assert found == Counter(
        (v.case, v.implementation, v.target, v.outcome, largest_margin(v) is None) for v in scaled.verdicts
    )


def test_no_file_is_large_and_every_link_leads_somewhere(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < LARGEST
    for page in (path for path in files if path.suffix == ".html"):
        for link in Links(page.read_text("utf-8")).found:
            if not link.startswith(("https://", "data:,", "#")):
                assert (page.parent / link.partition("#")[0]).is_file(), link


def test_a_page_loads_its_own_files_and_builds_no_markup_from_text():
    script = (TEMPLATES / "site.js").read_text("utf-8")
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|eval|innerHTML|insertAdjacentHTML)\b", script)


@pytest.mark.skipif(not shutil.which("node"), reason="no node to parse JavaScript with")
def test_the_script_is_javascript():
    subprocess.run(["node", "--check", TEMPLATES / "site.js"], check=True)


def test_pictures_fields_and_regions_have_names(folder):
    for page in (folder / "index.html", folder / "accuracy.html", folder / "specs" / "gelu.html"):
        for tag, attributes in Links(page.read_text("utf-8")).elements:
            if tag in ("input", "select", "form", "nav") or attributes.get("role") == "region":
                assert attributes.get("aria-label"), (tag, attributes)


def test_a_piece_is_no_larger_than_it_may_be_and_texts_are_stored_once(monkeypatch, tmp_path):
    monkeypatch.setattr(site, "PIECE", 3)
    write_site({"run": record(*[verdict(case=f"{CASE}#{n}") for n in range(7)])}, tmp_path)
    sizes = sorted(len(piece["case"]) for _, piece in pieces(tmp_path))
    assert sizes == [1, 3, 3]
    assert all(len(piece["details"]) == 1 for _, piece in pieces(tmp_path))


def test_records_stand_side_by_side(tmp_path):
    write_site({"old": record(verdict()), "new": record(differing())}, tmp_path)
    page = (tmp_path / "specs" / "gelu.html").read_text("utf-8")
    heads = re.findall(r"(old|new), cpu", page)
    assert heads == ["old", "new"]
    index = (tmp_path / "index.html").read_text("utf-8")
    assert re.findall(r"(old|new), cpu", index) == ["old", "new"] * len(TARGETS)
    (piece,) = pieces(tmp_path)
    assert [WORST_FIRST[outcome] for outcome in piece[1]["outcome"]] == ["differs", "conforms"]


def test_an_api_has_a_file_whatever_it_is_called(tmp_path):
    strange = ("a/b<c>", "a/b c", "A-b-c", "../x", "…")
    write_site({"run": record(*[verdict(implementation=name) for name in strange])}, tmp_path)
    names = {path.stem for path in (tmp_path / "apis").iterdir()}
    assert len({name.lower() for name in names}) == len(strange)
    assert all(re.fullmatch(r"[\w.-]+", name, re.ASCII) for name in names)


def test_nothing_in_a_record_becomes_markup(tmp_path):
    hostile = "</script><script>alert(1)</script>"
    shown = differing(message=hostile, implementation=hostile, reproduction=hostile)
    write_site({hostile: record(shown)}, tmp_path)
    for path in tmp_path.rglob("*"):
        if path.suffix in (".html", ".js"):
            assert "<script>alert" not in path.read_text("utf-8")


# --- how accurate each is --------------------------------------------------------------------------------


def test_the_largest_and_the_99th_percentile_come_with_the_case_that_shows_it(tmp_path):
    margins = [n / 200 for n in range(1, 200)]
    cases = [f"gelu/default/float16/normal/{n}" for n in range(1, 200)]
    asked = [verdict(case=c, margins=(Margin("y", m, 0.0),)) for c, m in zip(cases, margins, strict=True)]
    (row,) = accuracies(("torch/cpu", v) for v in asked)
    assert (row.verdicts, row.largest, row.percentile) == (199, 199 / 200, 198 / 200)
    assert (row.case, row.dtype, row.ulps) == (cases[-1], "float16", None)


def test_accuracies_lie_in_a_file_of_their_own_worst_first(folder, scaled):
    rows = list(csv.DictReader((folder / "accuracy.csv").read_text("utf-8").splitlines()))
    largest = [float(row["largest"]) for row in rows]
    assert largest == sorted(largest, reverse=True)
    measured = [v for v in scaled.verdicts if v.margins]
    assert sum(int(row["verdicts"]) for row in rows) == len(measured)
    _, (_, table) = handed(folder / "data" / "accuracy-0.js")
    assert len(table) == len(rows)


# --- the command -----------------------------------------------------------------------------------------


def test_several_records_make_a_site_and_one_a_page(tmp_path):
    for name in ("a.json", "b.jsonl.gz"):
        write(record(differing()), tmp_path / name)
    assert main(["report", str(tmp_path / "a.json")]) == 0
    assert not (tmp_path / "site").exists()
    assert main(["report", str(tmp_path / "a.json"), str(tmp_path / "b.jsonl.gz")]) == 0
    assert "a, cpu" in (tmp_path / "site" / "specs" / "gelu.html").read_text("utf-8")
    assert main(["report"]) == 2


def test_what_is_too_large_for_one_page_is_a_site(tmp_path, monkeypatch):
    monkeypatch.setattr(reports, "ONE_PAGE", 1)
    written = reports.write_all(record(verdict(), differing()), tmp_path)
    assert tmp_path / "site" / "index.html" in written
    assert not (tmp_path / "index.html").exists()


# --- in a browser ----------------------------------------------------------------------------------------

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--virtual-time-budget=4000"]
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to open the page in")
@pytest.mark.parametrize(
    ("address", "place", "said"),
    [
        (f"specs/gelu.html#case={CASE}", "dialog", f"assay repro {CASE}"),
        ("specs/gelu.html#q=5.4e", "output", "1 of 2 verdicts"),
        ("index.html#q=gelu/default", "ol", "cases of gelu"),
    ],
)
def test_an_address_leads_to_what_it_names(tmp_path, address, place, said):
    write_site({"run": record(differing(), verdict(implementation="torch.nn.GELU"))}, tmp_path)
    asked = f"--user-data-dir={tmp_path}/profile", "--dump-dom", f"{tmp_path.as_uri()}/{address}"
    command = [CHROMIUM, *FLAGS, *asked]
    page = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    (inside,) = re.findall(rf"<{place}\b.*?</{place}>", page, re.DOTALL)
    assert said in re.sub(r"<[^>]*>", "", inside)


def test_pages_of_the_site_and_of_the_atlas_lead_to_each_other(tmp_path):
    run, measured = tmp_path / "run.json", tmp_path / "atlas.json"
    write(record(verdict()), run)
    atlas = msgspec.structs.replace(ATLAS, arguments=(msgspec.structs.replace(EPS, spec="gelu"),), sheets=())
    measured.write_bytes(msgspec.json.encode(atlas))
    assert main(["report", str(run), "--site", "--atlas", str(measured)]) == 0
    for path in (tmp_path / "site").rglob("*.html"):
        for link in Links(path.read_text("utf-8")).found:
            if link and not link.startswith(("data:", "http", "#")):
                assert (path.parent / link.partition("#")[0]).is_file(), (path, link)
    assert "../atlas/gelu.html" in (tmp_path / "site/specs/gelu.html").read_text("utf-8")
    assert "../specs/gelu.html" in (tmp_path / "site/atlas/gelu.html").read_text("utf-8")


PRESS = """addEventListener("load", () => {
  const head = () => document.querySelectorAll(".accuracy th button")[1];
  head().focus();
  head().click();
  document.title = document.activeElement === head() ? "held" : "lost";
});"""
"""Presses a head of the table, and says in the title whether the focus stays there."""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to open the page in")
def test_tables_that_are_made_in_the_page_have_names_and_hold_the_focus_when_sorted(tmp_path):
    write_site({"run": record(differing(), verdict(implementation="torch.nn.GELU"))}, tmp_path)
    (tmp_path / "press.js").write_text(PRESS, "utf-8")
    page = (tmp_path / "accuracy.html").read_text("utf-8")
    pressed = tmp_path / "pressed.html"
    pressed.write_text(page.replace("</body>", '<script src="press.js"></script></body>'), "utf-8")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={tmp_path}/profile", "--dump-dom", pressed.as_uri()]
    page = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert page.count("<table") == page.count("<caption>") > 0
    assert "<title>held</title>" in page
