"""A run in parts: all of it is asked once, in parts that cost alike, and their records join to the whole."""

import importlib.util
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from reports.records import TARGETS, at_scale, differing, record, verdict

from assay.cli import main
from assay.errors import Usage
from assay.harness.plan import plan, select_specs
from assay.harness.record import read, write
from assay.harness.shards import Shard, merge, seconds, shard

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def questions():
    return plan(select_specs(("gelu", "dense", "max_pool2d", "softmax")).values(), "smoke")


def configurations(part):
    """The questions by configuration."""
    groups = {}
    for q in part:
        groups.setdefault((q.case.spec.name, q.case.configuration), []).append(q)
    return groups.values()


def cost(group):
    return seconds(group, FRAMEWORKS)


def test_every_question_is_in_one_part_and_configurations_stay_together(questions):
    parts = [shard(questions, Shard(n, 5), FRAMEWORKS) for n in range(1, 6)]
    ids = [q.case.id for part in parts for q in part]
    assert sorted(ids) == sorted(q.case.id for q in questions)
    where = {}
    for number, part in enumerate(parts):
        for q in part:
            assert where.setdefault((q.case.spec.name, q.case.configuration), number) == number


def test_parts_cost_alike_and_no_more_than_one_configuration_apart(questions):
    parts = [shard(questions, Shard(n, 3), FRAMEWORKS) for n in range(1, 4)]
    costs = [list(map(cost, configurations(part))) for part in parts]
    totals = [sum(each) for each in costs]
    assert max(totals) - min(totals) <= max(map(max, costs))


def test_one_part_of_one_is_the_whole_in_its_order(questions):
    assert shard(questions, Shard(1, 1), FRAMEWORKS) == questions


@pytest.mark.parametrize("text", ["3", "0/8", "9/8", "a/b", "1/2/3", "-1/2", ""])
def test_what_names_no_part_is_refused(text):
    with pytest.raises(Usage, match="such as 3/8"):
        Shard.parse(text)


def in_parts(whole, of):
    """The record's verdicts dealt out, with the commands that would have asked for them."""
    return {
        f"part{n}": msgspec.structs.replace(
            whole, verdicts=whole.verdicts[n - 1 :: of], command=f"assay run --shard {n}/{of}"
        )
        for n in range(1, of + 1)
    }


def test_parts_join_to_the_whole():
    whole = at_scale(cases=3)
    merged = merge(in_parts(whole, 3))
    assert sorted(merged.record.verdicts, key=repr) == sorted(whole.verdicts, key=repr)
    assert (merged.record.specs, merged.record.targets) == (whole.specs, whole.targets)
    assert merged.record.timings == {"torch/cpu": 3 * 101.5}
    assert not merged.missing + merged.contradictions


def test_what_is_missing_is_said():
    parts = in_parts(at_scale(cases=3), 3)
    del parts["part2"]
    parts["part3"] = msgspec.structs.replace(parts["part3"], complete=False, targets=TARGETS[:2])
    told = merge(parts).missing
    assert "part 2/3 is missing" in told
    assert "jax/cpu was not asked in part3, as it was elsewhere" in told
    assert any(sentence.startswith("part3 is not complete") for sentence in told)
    assert not merge(parts).record.complete


def test_what_contradicts_is_said_and_the_first_is_kept():
    merged = merge({"a": record(verdict()), "b": record(differing())})
    assert merged.record.verdicts == (verdict(),)
    (told,) = merged.contradictions
    assert "conforms in a, differs in b" in told


def test_other_flags_are_said_and_other_versions_refused():
    newer = msgspec.structs.replace(TARGETS[0], versions={"torch": "2.14.0"})
    fewer = msgspec.structs.replace(TARGETS[0], flags={**TARGETS[0].flags, "threads": "1"})
    whole = record(verdict())
    other = {"a": whole, "b": msgspec.structs.replace(whole, targets=(fewer, *TARGETS[1:]))}
    assert merge(other).contradictions == ("threads of torch/cpu is 2 in a and 1 in b",)
    with pytest.raises(Usage, match="no parts of one run"):
        merge({"a": whole, "b": msgspec.structs.replace(whole, targets=(newer, *TARGETS[1:]))})


def test_the_command_joins_files_and_says_by_its_status_whether_all_is_there(tmp_path, capsys):
    whole = at_scale(cases=2)
    files = []
    for name, part in in_parts(whole, 2).items():
        files.append(str(tmp_path / name / "run.json"))
        (tmp_path / name).mkdir()
        write(part, tmp_path / name / "run.json")
    assert main(["merge", *files, "--out", str(tmp_path / "whole.jsonl.gz")]) == 0
    assert len(read(tmp_path / "whole.jsonl.gz").verdicts) == len(whole.verdicts)
    assert main(["merge", files[0], "--out", str(tmp_path / "half.json")]) == 1
    assert "part 2/2 is missing" in capsys.readouterr().out


# --- the example of a cluster ------------------------------------------------------------------------------


@pytest.fixture
def cluster(monkeypatch):
    """The example, whose commands run here: a part's record is what it would have left, none of part 9."""
    spec = importlib.util.spec_from_file_location("cluster", EXAMPLES / "cluster.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def ran(command, **options):
        name, *words = command[len(module.ASSAY) :]
        if name == "merge":
            return subprocess.CompletedProcess(command, main([name, *words]))
        number, of = words[words.index("--shard") + 1].split("/")
        if number != "9":
            parts = in_parts(at_scale(cases=2), int(of))
            write(parts[f"part{number}"], Path(words[words.index("--out") + 1]) / "run.jsonl.gz")
        return subprocess.CompletedProcess(command, 0, stderr="no framework is there")

    monkeypatch.setattr(module.subprocess, "run", ran)
    return module


def test_a_cluster_asks_every_part_and_the_records_join(cluster, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        assert cluster.run(executor, 3, ["--framework", "torch"], tmp_path / "whole.jsonl.gz") == 0
    assert len(read(tmp_path / "whole.jsonl.gz").verdicts) == len(at_scale(cases=2).verdicts)


def test_a_part_that_leaves_no_record_says_why(cluster, tmp_path):
    with ThreadPoolExecutor(2) as executor, pytest.raises(RuntimeError, match=r"part 9 .*\nno framework"):
        cluster.run(executor, 9, [], tmp_path / "whole.jsonl.gz")
