import re

import pytest

from ablations.study.study import Study

YAML = """
name: mine
models:
  - {checkpoint: passt_demo, windows_ms: [[160]]}
  - {hear: some_module, options: {size: 1}}
tasks: [esc50]
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mine.yaml").write_text(YAML)
    return tmp_path / "mine.yaml"


def test_a_value_is_put_at_its_path(file):
    study = Study.load(file, ["models.0.windows_ms=[[320], [640]]", "seeds=[0, 1]", "models.1.options.size=2"])
    assert [model.spec.windows_ms for model in study.models] == [(320,), (640,), ()]
    assert study.models[2].spec.checkpoint == "hear:some_module?size=2"
    assert study.seeds == (0, 1)


def test_a_changed_study_has_a_name_of_its_own(file):
    assert Study.load(file).name == "mine"
    assert Study.load(file, ["tasks=[esc50]"]).name == "mine", "nothing changed"
    names = {Study.load(file, [change]).name for change in ("seeds=[1]", "seeds=[2]", "limit=3", "tasks.0=fsd50k")}
    assert len(names) == 4
    assert all(re.fullmatch("mine-[0-9a-f]{8}", name) for name in names)
    assert Study.load(file, ["limit=3"]).name == Study.load(file, ["protocol=hear2021+limit3"]).name
    assert Study.load(file, ["seeds=[1]", "name=other"]).name == "other"


def test_a_file_that_is_wrong_can_be_put_right(file):
    file.write_text(YAML.replace("[[160]]", "[[1]]"))
    assert Study.load(file, ["models.0.windows_ms=[[160]]"]).models[0].spec.windows_ms == (160,)
    file.write_text("- a list")
    with pytest.raises(ValueError, match="mine.yaml: a study must be a mapping of keys, got "):
        Study.load(file, ["seeds=[1]"])


def test_packaged_studies_can_be_changed():
    study = Study.load("quickstart", ["models.0.windows_ms=[[480]]"])
    assert study.name.startswith("quickstart-")
    assert study.models[0].spec.windows_ms == (480,)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seeds", "--set must be PATH=VALUE, such as --set models.0.windows_ms='[[320]]'; got 'seeds'"),
        ("=1", "--set must be PATH=VALUE"),
        ("models..x=1", "--set must be PATH=VALUE"),
        ("seeds=[", "--set seeds: not YAML"),
        (
            "sedes=[1]",
            "--set sedes: no key 'sedes' in the study (did you mean 'seeds'?); expected one of name, models,",
        ),
        ("model.0.levels=x", "--set model.0.levels: no key 'model' in the study (did you mean 'models'?)"),
        ("models.0.window_ms=1", "no key 'window_ms' in models.0 (did you mean 'windows_ms' or 'scene_window_ms'?)"),
        ("models.0.options.size=1", "no key 'options' in models.0; expected one of checkpoint, windows_ms"),
        ("models.2.levels=x", "--set models.2.levels: models has the places 0 to 1, got '2'"),
        ("models.first.levels=x", "models has the places 0 to 1, got 'first'"),
        ("models.0.checkpoint.x=1", "--set models.0.checkpoint.x: models.0.checkpoint is 'passt_demo', which has no k"),
        ("models.0.windows_ms=[[1]]", "with models.0.windows_ms=[[1]]: passt_demo: windows_ms must be"),
    ],
)
def test_wrong_overrides_are_named(file, override, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Study.load(file, [override])


def test_comparisons_of_models_that_are_gone_are_left_out(caplog):
    pairs = Study.load("quickstart").comparisons
    study = Study.load("quickstart", ["models.0.windows_ms=[[480]]"])
    assert set(study.comparisons) < set(pairs)
    assert caplog.text.count("is left out") == len(pairs) - len(study.comparisons)
    with pytest.raises(ValueError, match="no model has the label 'nobody'"):
        Study.load("quickstart", ["comparisons=[[logmel, nobody]]"])
