"""Golden vectors come back as they went out, and are judged: by the reference and by the manual's rule."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from assay.cli.app import main
from assay.harness.checking.export import FORMATS, Manifest, export, judge_folder, schema, selected
from assay.harness.checking.held import Forward
from assay.harness.checking.onnx_nodes import OPERATORS, export_onnx, model, operator_of
from assay.harness.judging.expectation import Expectation
from assay.harness.judging.judge import Answer, judge
from assay.numerics.dtypes import DTYPES, round_to
from assay.specs import all_specs
from assay.specs.language.cases import cases

SPECS = all_specs()
SOME = ("softmax", "layer_norm", "embedding", "sparse_softmax_cross_entropy", "batch_norm")
DOCS = Path(__file__).parents[2] / "docs" / "vectors.md"


def some(*names, dtypes=("float32", "bfloat16")):
    return selected([SPECS[name] for name in names or SOME], "smoke", dtypes)


def load(folder, file):
    path = folder / file
    return dict(_loaded(path, path.stat().st_mtime_ns))


@functools.lru_cache(maxsize=8)
def _loaded(path, changed):
    if path.suffix == ".npz":
        with np.load(path) as found:
            return dict(found)
    return dict(pytest.importorskip("safetensors.numpy").load_file(path))


def returned(folder, spoil=lambda key, array: array, gradients=True):
    """Send back the expected values, rounded to their dtype, as an implementation in float64 would."""
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest)
    back, files = {}, {file: load(folder, file) for file in {case.file for case in manifest.cases}}
    for case in manifest.cases:
        arrays = files[case.file]
        for expected in case.expected:
            if gradients or expected.check != "gradients":
                value = arrays[expected.value]
                rounded = value if expected.exact else round_to(value, DTYPES[expected.dtype])
                array = spoil(expected.key, rounded)
                plain = array.view(np.uint16) if array.dtype.name == "bfloat16" else array
                back.setdefault(case.spec, {})[expected.key] = plain
    (folder / "returned").mkdir()
    for name, content in back.items():
        np.savez(folder / "returned" / f"{name}.npz", **content)
    return manifest


@pytest.mark.parametrize("arrays", FORMATS)
def test_what_the_reference_says_comes_back_as_conforming(tmp_path, arrays):
    if arrays == "safetensors":
        pytest.importorskip("safetensors")
    export(some(), tmp_path, arrays)
    manifest = returned(tmp_path)
    found = judge_folder(tmp_path)
    assert set(found) == {case.id for case in manifest.cases}
    assert {judgement.outcome for judgement in found.values()} == {"conforms"}


def test_inputs_are_the_bits_that_every_framework_gets(tmp_path):
    export(some(), tmp_path)
    manifest = msgspec.json.decode((tmp_path / "manifest.json").read_bytes(), type=Manifest)
    for facts, case in zip(manifest.cases, some(), strict=True):
        assert facts.id == case.id
        for name, array in case.inputs().items():
            kept = load(tmp_path, facts.file)[facts.inputs[name].key]
            assert kept.tobytes() == array.tobytes()
            assert facts.inputs[name].shape == array.shape


def spoilt(key, array):
    if key.startswith("softmax/") and array.size and key.endswith(":y"):
        array = array.copy()
        array.reshape(-1)[-1:] = round_to(np.float64(3.0), DTYPES[array.dtype.name])
    return array


def test_what_is_wrong_is_found(tmp_path):
    export(some(), tmp_path)
    returned(tmp_path, spoilt)
    for case, judgement in judge_folder(tmp_path).items():
        assert judgement.failing == case.startswith("softmax/"), case


def test_gradients_may_be_left_out_and_outputs_may_not(tmp_path):
    export(some("softmax"), tmp_path)
    returned(tmp_path, gradients=False)
    assert {judgement.outcome for judgement in judge_folder(tmp_path).values()} == {"conforms"}
    np.savez(tmp_path / "returned" / "softmax.npz", nothing=np.zeros(1))
    assert {judgement.check for judgement in judge_folder(tmp_path).values()} == {"structure"}


def test_the_manifest_has_its_schema_beside_it(tmp_path):
    export(some("softmax"), tmp_path)
    kept = json.loads((tmp_path / "manifest.schema.json").read_text())
    assert kept == json.loads(msgspec.json.encode(schema()))
    wanted = kept["$defs"]["CaseFacts"]["required"]
    for case in json.loads((tmp_path / "manifest.json").read_text())["cases"]:
        assert set(wanted) <= set(case)


def rule():
    """The function that docs/vectors.md prints."""
    (source,) = re.findall(r"```python\n(def conforms.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert len(source.strip().splitlines()) <= 10
    names = {"np": np}
    exec(source, names)
    return names["conforms"]


def test_the_rule_in_the_manual_agrees_with_the_judge(tmp_path):
    conforms = rule()
    export(some(), tmp_path)
    manifest = returned(tmp_path, spoilt)
    judged = judge_folder(tmp_path)
    seen = set()
    for case in manifest.cases:
        sent, back = load(tmp_path, case.file), load(tmp_path / "returned", f"{case.spec}.npz")
        declared = manifest.profiles[case.dtype]
        passes = any(
            all(
                conforms(
                    np.asarray(Expected(e, back).got, dtype=np.float64),
                    sent[e.value].astype(np.float64),
                    0.0 if e.exact else sent[e.tolerance[profile]],
                    manifest.largest[case.dtype],
                )
                for e in case.expected
            )
            for profile in declared
        )
        seen.add(passes)
        assert passes == (not judged[case.id].failing), case.id
    assert seen == {True, False}


class Expected:
    """The values of an array that came back; npz keeps bfloat16 as uint16."""

    def __init__(self, expected, back):
        array = back[expected.key]
        half = expected.dtype == "bfloat16"
        self.got = array.view(DTYPES["bfloat16"].storage).astype(np.float64) if half else array


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: None, "`assay export` writes one"),
        (lambda folder: export(some("softmax"), folder), "nothing came back"),
        (lambda folder: (folder / "manifest.json").write_text("{}"), "is no manifest of vectors"),
    ],
)
def test_a_folder_that_cannot_be_judged_says_why(tmp_path, prepare, words):
    prepare(tmp_path)
    with pytest.raises(ValueError, match=words):
        judge_folder(tmp_path)


def say_unsupported(folder, **said):
    (folder / "returned").mkdir(exist_ok=True)
    (folder / "returned" / "unsupported.json").write_bytes(msgspec.json.encode(said))


def test_what_an_implementation_does_not_support_is_not_judged_and_counted_apart(tmp_path, capsys):
    export(some("softmax", "layer_norm"), tmp_path)
    manifest = returned(tmp_path)
    halves = {case.id for case in manifest.cases if case.dtype == "bfloat16"}
    for name in ("softmax", "layer_norm"):
        back = load(tmp_path / "returned", f"{name}.npz")
        kept = {key: array for key, array in back.items() if key.rpartition(":")[0] not in halves}
        np.savez(tmp_path / "returned" / f"{name}.npz", **kept)
    assert main(["judge", str(tmp_path)]) == 1

    say_unsupported(tmp_path, **{"*/bfloat16/*": "the chip has no bfloat16"})
    found = judge_folder(tmp_path)
    assert {case for case, judgement in found.items() if judgement.outcome == "unsupported"} == halves
    capsys.readouterr()
    assert main(["judge", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    asked = len(manifest.cases) - len(halves)
    assert f"{asked} of {asked} cases conform; {len(halves)} more cases unsupported" in " ".join(told.split())
    assert f"{len(halves)} cases unsupported: the chip has no bfloat16" in told


def test_the_manifest_may_say_what_is_unsupported(tmp_path):
    manifest = export(some("softmax", dtypes=("float32",)), tmp_path)
    returned(tmp_path)
    first, *rest = manifest.cases
    said = msgspec.structs.replace(first, unsupported="no such axis here")
    written = msgspec.structs.replace(manifest, cases=(said, *rest))
    (tmp_path / "manifest.json").write_bytes(msgspec.json.encode(written))
    with pytest.raises(ValueError, match="is said to be unsupported, but"):
        judge_folder(tmp_path)
    back = load(tmp_path / "returned", "softmax.npz")
    kept = {key: array for key, array in back.items() if key.rpartition(":")[0] != first.id}
    np.savez(tmp_path / "returned" / "softmax.npz", **kept)
    found = judge_folder(tmp_path)
    assert (found[first.id].outcome, found[first.id].message) == ("unsupported", "no such axis here")


def test_vectors_carry_the_data_and_sizes_of_kernels_and_say_what_they_cannot_ask(tmp_path):
    manifest = export(some("softmax", dtypes=("float32",)), tmp_path)
    assert {"low", "late", "mixed", "nothing"} <= {case.data for case in manifest.cases}
    assert any(case.id.endswith("/1025x3") for case in manifest.cases)
    assert any(text.startswith("layouts: ") for text in manifest.unasked)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"sofmax/*": "a slip of the pen"}, "'sofmax/\\*' is no case of the manifest"),
        ({"softmax/*": " "}, "gives no reason"),
        ({"softmax/*": "we have it all the same"}, "said to be unsupported, but .* came back"),
        ({"softmax/*": 3}, "must map ids of cases, or globs, to reasons"),
    ],
)
def test_what_is_said_to_be_unsupported_must_be_true(tmp_path, said, words):
    export(some("softmax", dtypes=("float32",)), tmp_path)
    returned(tmp_path)
    say_unsupported(tmp_path, **said)
    with pytest.raises(ValueError, match=words):
        judge_folder(tmp_path)


def test_what_has_no_vectors_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no case is left"):
        export(cases(SPECS["dropout"], "smoke"), tmp_path)
    with pytest.raises(ValueError, match="no format is called 'csv'"):
        export(some("softmax"), tmp_path, "csv")


def test_the_commands_write_and_judge(tmp_path, capsys):
    assert main(["export", "softmax", "--out", str(tmp_path)]) == 0
    returned(tmp_path)
    assert main(["judge", str(tmp_path)]) == 0
    assert re.search(r"(\d+) of \1 cases conform", capsys.readouterr().out)
    np.savez(tmp_path / "returned" / "softmax.npz", nothing=np.zeros(1))
    assert main(["judge", str(tmp_path)]) == 1
    assert re.search(r"0 of \d+ cases conform", capsys.readouterr().out)
    assert main(["judge", str(tmp_path / "nowhere")]) == 2


# --- ONNX ---


def onnx_cases(name, dtypes=("float32",)):
    chosen = cases(SPECS[name], "standard", dtypes=dtypes)
    return [(case, operator) for case in chosen if (operator := operator_of(case))]


#: Data sets on which ONNX's own evaluator is wrong, each for a reason that has nothing to do with the models.
EVALUATOR = {
    # 1 + erf(x) and 1 + tanh(x) lose their digits where they nearly cancel, and are 0 where x is -∞.
    "gelu": {"normal", "tails", "zeros", "wide", "specials"},
    # The logarithm of a softmax that has underflowed.
    "log_softmax": {"wide", "saturated"},
    # A dilated kernel is stuffed with zeros, and 0 times NaN is NaN.
    "conv2d": {"nan", "infinities"},
}


@pytest.mark.parametrize("name", OPERATORS)
def test_onnx_s_own_evaluator_conforms_to_the_node_tests(name, tmp_path):
    onnx = pytest.importorskip("onnx")
    asked = onnx_cases(name)
    assert asked
    wrong = set()
    for home, (case, operator) in zip(export_onnx([c for c, _ in asked], tmp_path), asked, strict=True):
        expectation = Forward(Expectation(case))
        evaluated, kept = (Answer((np.asarray(operator.back(y)),)) for y in evaluate(onnx, home))
        assert not judge(expectation, kept).failing, case.id
        if judge(expectation, evaluated).failing:
            wrong.add(case.data)
    assert wrong == EVALUATOR.get(name, set())


def evaluate(onnx, home):
    """What ONNX's evaluator makes of a node test, and the output that is kept beside it."""
    reference = pytest.importorskip("onnx.reference")
    data = home / "test_data_set_0"
    given, kept = (
        [onnx.numpy_helper.to_array(onnx.load_tensor(path)) for path in sorted(data.glob(f"{kind}_*.pb"))]
        for kind in ("input", "output")
    )
    evaluator = reference.ReferenceEvaluator(str(home / "model.onnx"))
    with np.errstate(all="ignore"):
        return *evaluator.run(None, dict(zip(evaluator.input_names, given, strict=True))), *kept


@pytest.mark.parametrize("name", OPERATORS)
def test_models_are_valid_in_every_dtype_of_the_operator(name):
    pytest.importorskip("onnx")
    for dtype in OPERATORS[name].dtypes:
        case, operator = onnx_cases(name, (dtype,))[0]
        model(case, operator)


def test_a_case_that_no_operator_can_be_asked_is_refused(tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(ValueError, match="no case has an ONNX operator"):
        export_onnx(some("embedding"), tmp_path)
