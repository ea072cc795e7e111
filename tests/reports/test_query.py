"""Questions to records in SQL."""

import pytest
from reports.records import differing, record, verdict

from assay.cli import main
from assay.errors import Usage
from assay.harness.record import write
from assay.reports.query import COLUMNS, query


@pytest.fixture
def file(tmp_path):
    half = "gelu/default/float16/tails/5x129"
    shown = record(
        verdict(), differing(case=half), verdict(case=half, target="jax/cpu", implementation="jax.nn.gelu")
    )
    write(shown, tmp_path / "run.jsonl.gz")
    return tmp_path / "run.jsonl.gz"


def test_which_cases_fail_on_one_framework_only(file):
    sql = """SELECT "case" FROM verdicts WHERE dtype = 'float16' AND family = 'activations'
             GROUP BY "case" HAVING max(framework = 'torch' AND failing)
                                AND NOT max(framework != 'torch' AND failing)"""
    assert query([file], sql).rows == [("gelu/default/float16/tails/5x129",)]


def test_every_column_is_there_and_two_records_are_asked_together(file):
    answer = query([file, file], "SELECT * FROM verdicts")
    assert answer.columns == tuple(name.strip('"') for name in COLUMNS)
    assert len(answer.rows) == 6
    row = dict(zip(answer.columns, answer.rows[1], strict=True))
    named = {name: row[name] for name in ("framework", "version", "margin", "ulps")}
    assert named == {"framework": "torch", "version": "2.13.0", "margin": 2190000.0, "ulps": 5.4e6}


@pytest.mark.parametrize("sql", ["DELETE FROM verdicts", "ATTACH 'x' AS x", "SELECT nothing FROM verdicts"])
def test_a_question_that_is_none_is_refused_with_the_columns(file, sql):
    with pytest.raises(Usage, match="its columns are record, spec"):
        query([file], sql)


def test_the_command_prints_csv_and_json(file, capsys):
    sql = "SELECT outcome, count(*) AS n FROM verdicts GROUP BY outcome ORDER BY n"
    assert main(["query", str(file), sql, "--form", "csv"]) == 0
    assert capsys.readouterr().out == "outcome,n\ndiffers,1\nconforms,2\n"
    assert main(["query", str(file), sql, "--form", "json"]) == 0
    assert '"n": 2' in capsys.readouterr().out
    assert main(["query", str(file)]) == 2
