"""Docstrings taken apart."""

from hypothesis import given
from hypothesis import strategies as st
from reports.records import GELU

from assay.reports.prose import Block, Span, prose


def test_a_reference_s_docstring_has_its_parts() -> None:
    summary, formula, remark, arguments, returns, source = prose(GELU.formula)
    assert summary == Block(spans=(Span("Gaussian error linear unit.", code=False),))
    assert formula.spans[0] == Span("gelu(x) = x Φ(x) = x/2 erfc(-x/√2)", code=True)
    assert remark.spans[-2:] == (Span("x", code=True), Span(".", code=False))
    assert [name for name, _ in arguments.entries] == ["x", "approximate"]
    assert arguments.entries[1][1][0].text.endswith("whose difference from it is largest near 2.")
    assert returns == Block("Returns", (Span("The shape of ", False), Span("x", True), Span(".", False)))
    assert source.spans[0].text.endswith("arXiv:1606.08415, section 2.")


def test_a_formula_is_code_on_its_own() -> None:
    blocks = prose("Sum.\n\n``y = Σᵢ xᵢ``\n\nIs ``y``.")
    assert [block.formula for block in blocks] == [False, True, False]


def test_a_section_that_is_no_list_is_text() -> None:
    (block,) = prose("Raises:\n    any error there is.")
    assert block == Block("Raises", (Span("any error there is.", code=False),))


def words(spans: tuple[Span, ...]) -> str:
    return "".join(span.text for span in spans)


@given(st.text(st.sampled_from("`a: \n.&ARS"), max_size=60))
def test_no_word_is_lost(text: str) -> None:
    told = ""
    for block in prose(text):
        told += (
            block.title
            + words(block.spans)
            + "".join(name + words(meaning) for name, meaning in block.entries)
        )
    assert [c for c in told if c in "a&ARS"] == [c for c in text if c in "a&ARS"]
