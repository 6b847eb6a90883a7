import re

import pytest
import yaml

from ablations.models import registry
from ablations.study.study import Study
from ablations.units.unit import Settings
from passt import EmbeddingSpec


def study(**changes):
    return {"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": ["digits"], **changes}


def test_lists_of_values_cross():
    entry = {
        "checkpoint": "passt_s_swa_p16_128_ap476",
        "levels": [["features"], ["features", "mel"]],
        "windows_ms": [[160], [640], [160, 640]],
    }
    found = Study.from_dict(study(models=[entry, {"checkpoint": "crepe_full"}]))
    assert len(found.models) == 7
    specs = [model.spec for model in found.models]
    assert specs[5] == EmbeddingSpec(levels=("features", "mel"), windows_ms=(160, 640))
    assert specs[6] == EmbeddingSpec("crepe_full", ("layer5",), ())
    assert [model.family for model in found.models] == ["passt"] * 6 + ["crepe"]


def test_labels_say_what_differs():
    entry = {"checkpoint": "stfthop160", "windows_ms": [[160], [160, 640]], "weights": "untrained-0"}
    found = Study.from_dict(
        study(models=[entry, {"checkpoint": "logmel"}, {"checkpoint": "crepe_tiny", "label": "CREPE"}])
    )
    name = "passt_s_swa_f128_stfthop160_p16_s10_ap473"
    assert [model.label for model in found.models] == [f"{name} 160 ms", f"{name} 160+640 ms", "logmel", "CREPE"]


def test_look_aheads_cross_and_are_named():
    entry = {"checkpoint": "logmel", "windows_ms": [[160], [640]], "lookahead_ms": [None, 0, 80]}
    models = Study.from_dict(study(models=[entry])).models
    assert [model.spec.lookahead_ms for model in models] == [None, 0, 80] * 2
    lengths = [f"logmel {window} ms" for window in (160, 640)]
    kinds = ["centered", "look-ahead 0 ms", "look-ahead 80 ms"]
    assert [model.label for model in models] == [f"{length} {kind}" for length in lengths for kind in kinds]


def test_single_values_need_no_list():
    (model,) = Study.from_dict(study(models=[{"checkpoint": "logmel", "levels": "mean", "windows_ms": 640}])).models
    assert model.spec == EmbeddingSpec("logmel", ("mean",), (640,), weights="none")


def test_an_empty_list_of_windows_is_one_variant():
    (model,) = Study.from_dict(study(models=[{"checkpoint": "crepe_tiny", "windows_ms": []}])).models
    assert model.spec.windows_ms == ()


def test_a_weight_file_is_named_by_its_hash(tmp_path):
    (tmp_path / "mine.pt").write_bytes(b"weights")
    (model,) = Study.from_dict(study(models=[{"checkpoint": "stfthop160", "weights": "./mine.pt"}]), tmp_path).models
    assert model.spec.weights.startswith("sha256-")
    assert model.weights_file == tmp_path / "mine.pt"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": []}, "unknown key 'model' in a study (did you mean 'models'?); expected one of name, models, tasks"),
        ({"tasks": None}, "a study needs 'tasks'"),
        ({"seeds": [0, 0, True]}, "seeds, number 3, must be a whole number"),
        ({"seeds": [1.0]}, "seeds, number 1, must be a whole number"),
        ({"seeds": [0, None]}, "seeds, number 2, must be a whole number"),
        ({"seeds": [-1]}, "seeds, number 1, must be a whole number"),
        ({"seeds": 3}, "seeds must be a list, got 3"),
        ({"seeds": [2, 0, 2]}, "seeds must be distinct, got [2, 0, 2]"),
        ({"tasks": ["digits", " "]}, "tasks, number 2, must be text of one line"),
        ({"precision": ["fp32"]}, "precision must be one of fp32, tf32, bf16, got ['fp32']"),
        ({"figure": {}}, "figure must be a known name, got {}"),
        ({"figure": "bar"}, "unknown figure 'bar' (did you mean 'bars'"),
        ({"models": [{"checkpoint": "logmel", "label": True}]}, "label must be text, got True"),
        ({"models": [{"checkpoint": "logmel", "label": "a\nb"}]}, "label must be text of one line"),
        ({"tasks": "digits"}, "tasks must be a list, got 'digits'"),
        ({"seeds": ["0"]}, "seeds, number 1, must be a whole number"),
        ({"name": "a/b"}, "name must be of letters, digits, '_', '-' and '.', got 'a/b'"),
        ({"name": ".."}, "name must be of letters, digits"),
        ({"seeds": []}, "a study needs 'seeds'"),
        ({"seeds": [True]}, "seeds, number 1, must be a whole number of at least 0 and at most 4294967295, got True"),
        ({"seeds": [0, 1, 0]}, "seeds must be distinct, got [0, 1, 0]"),
        ({"seeds": [-1]}, "seeds, number 1, must be a whole number of at least 0"),
        ({"seeds": {"a": 1}}, "seeds must be a list, got {'a': 1}"),
        ({"figure": {"bars": 1}}, "figure must be a known name"),
        ({"name": ["mine"]}, "name must be text, got ['mine']"),
        ({"name": True}, "name must be text, got True"),
        ({"tasks": ["a", ["b"]]}, "tasks, number 2, must be text, got ['b']"),
        ({"models": {"checkpoint": "logmel"}}, "models must be a list, got"),
        ({"models": ["logmel"]}, "models, number 1, must be a mapping of keys, got 'logmel'"),
        ({"protocol": ["hear2021"]}, "protocol must be text, got ['hear2021']"),
        ({"models": [{"checkpoint": {"a": 1}}]}, "checkpoint must be text, got {'a': 1}"),
        ({"models": [{"checkpoint": "logmel", "label": ["x"]}]}, "label must be text, got ['x']"),
        ({"models": [{"checkpoint": "stfthop160", "weights": [True]}]}, "weights must be text, got True"),
        ({"models": [{"checkpoint": "logmel", "windows_ms": True}]}, "windows_ms must be positive whole milliseconds"),
        (
            {"models": [{"checkpoint": "logmel", "timestamp_hop_ms": float("inf")}]},
            "timestamp_hop_ms must be a positive",
        ),
        ({"models": [{"checkpoint": "logmel", "windows_ms": [[10**15]]}]}, "windows_ms must be at most 600000 ms"),
        ({"models": [{"checkpoint": "logmel", "levels": []}]}, "logmel: levels must be at least one level, got ()"),
        ({"models": [{"checkpoint": "logmel", "windows_ms": []}]}, "windows_ms must name at least one window, got ()"),
        ({"models": [{"checkpoint": "logmel", "timestamp_hop_ms": []}]}, "timestamp_hop_ms must be a value or a list"),
        (
            {"models": [{"checkpoint": "crepe_tiny", "weights": "untrained-0"}]},
            "weights must be published, got 'untrained",
        ),
        ({"protocol": "hear"}, "unknown protocol 'hear', expected hear2021"),
        (
            {"models": [{"checkpoint": "logmel", "window": 160}]},
            "unknown key 'window' in a model (did you mean 'windows_ms'?)",
        ),
        ({"models": [{"checkpoint": "paast"}]}, "unknown checkpoint 'paast'"),
        ({"models": [{"checkpoint": "mn10_all_b_mel_avg"}]}, "did you mean 'mn10_all_b_mel_avgs'"),
        ({"models": [{"levels": [["mean"]]}]}, "a model needs a checkpoint"),
        (
            {"models": [{"checkpoint": "logmel", "levels": [["max"]]}]},
            "logmel: unknown level 'max'; expected one of mean, std",
        ),
        ({"models": [{"checkpoint": "crepe_tiny", "windows_ms": [[160]]}]}, "crepe_tiny: windows_ms must be empty"),
        (
            {"models": [{"checkpoint": "stfthop160", "windows_ms": [[10]]}]},
            "windows_ms must be 76 to 10000 ms, got 10 ms",
        ),
        (
            {"models": [{"checkpoint": "logmel", "windows_ms": [160, 640]}]},
            "[[160, 640]] is one variant, [[160], [640]] are several",
        ),
        ({"models": [{"checkpoint": "logmel"}, {"checkpoint": "logmel"}]}, "two models have the same spec"),
        ({"models": [{"checkpoint": "stfthop160", "weights": "no/such.pt"}]}, "weights: no file at"),
        (
            {"models": [{"checkpoint": "logmel", "label": "x", "windows_ms": [[160], [640]]}]},
            "label 'x' is for one variant, its model has 2",
        ),
    ],
)
def test_broken_studies_are_named(tmp_path, changes, message):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in study(**changes).items() if value is not None}))
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(message)) as error:
        Study.load(path)
    assert str(error.value).startswith(str(path))


def test_what_is_given_twice_and_changes_nothing_is_used_once_and_said(caplog):
    found = Study.from_dict(study(tasks=["esc50", "digits", "esc50"], reference=["ced", "ced"]))
    assert (found.tasks, found.reference) == (("esc50", "digits"), ("ced",))
    assert caplog.messages == [
        "tasks: 'esc50' is given more than once, and used once",
        "reference: 'ced' is given more than once, and used once",
    ]


def test_a_study_that_is_not_there(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no study 'fig9' .did you mean 'fig9_challenge'.*; `ablate studies` lists"
    ):
        Study.load("fig9")
    with pytest.raises(FileNotFoundError, match="no study file at"):
        Study.load(tmp_path / "none.yaml")
    (tmp_path / "broken.yaml").write_text("name: [")
    with pytest.raises(ValueError, match="broken.yaml: not YAML"):
        Study.load(tmp_path / "broken.yaml")


def test_the_packaged_study():
    found = Study.load("quickstart")
    assert {model.family for model in found.models} == {"passt", "efficientat", "logmel", "chance"}
    passt = [model for model in found.models if model.family == "passt"]
    assert {model.spec.weights for model in passt} == {"demo", "untrained-0"}
    assert passt[0].label == "passt_demo block3 320 ms"
    assert passt[-1].label == "passt_demo logits 320 ms untrained-0"
    assert len({m.spec.levels for m in passt}) == 5
    assert len({m.spec.windows_ms for m in passt}) == 3


def test_every_card_makes_its_default_spec():
    for family in registry.families().values():
        for card in family.cards:
            spec = registry.resolve(card.name)
            assert spec.checkpoint == card.name
            assert registry.resolve(str(spec)) == spec


def test_variants_are_counted_before_any_is_made(monkeypatch):
    entry = {"checkpoint": "passt_demo", "timestamp_hop_ms": [*range(10, 400)], "scene_window_ms": [*range(160, 560)]}
    monkeypatch.setattr(registry, "resolve", None)
    with pytest.raises(ValueError, match="models must be at most 10000 variants, got 156000: lists are crossed"):
        Study.from_dict(study(models=[entry]))


def test_a_precision_that_is_none_is_refused(tmp_path):
    with pytest.raises(ValueError, match="precision must be one of fp32, tf32, bf16, got 'nonsense'"):
        Settings(Study.from_dict(study()), tmp_path, tmp_path, "cpu", "nonsense")
