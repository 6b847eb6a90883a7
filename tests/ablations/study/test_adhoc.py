import re

import pytest

from ablations.study.adhoc import adhoc_study
from ablations.study.study import Study


def test_models_are_names_specs_modules_and_mappings():
    models = ["logmel", "passt_demo@features@w640", "hear:mine?size=3", "paper-lm", {"checkpoint": "cnn_demo"}]
    study = adhoc_study(models, ["digits"])
    assert [str(model.spec).split("@")[0] for model in study.models] == [
        "logmel",
        "passt_demo",
        "hear:mine?size=3",
        "passt_s_swa_p16_128_ap476",
        "cnn_demo",
    ]
    assert study.models[1].spec.levels == ("features",)
    assert study.models[3].spec.levels == ("features", "mel")
    assert (study.tasks, study.seeds, study.protocol, study.figure) == (("digits",), (0,), "hear2021", "bars")


def test_levels_and_windows_are_those_of_every_model():
    study = adhoc_study(
        ["passt_demo"], ["digits"], levels=["block1..block2", "features+mel"], windows_ms=[160, "160+640"]
    )
    assert [(model.spec.levels, model.spec.windows_ms) for model in study.models] == [
        (levels, windows)
        for levels in (("block1",), ("block2",), ("features", "mel"))
        for windows in ((160,), (160, 640))
    ]


def test_look_aheads_are_those_of_every_model():
    study = adhoc_study(["passt_demo", "logmel"], ["digits"], lookahead_ms=["centered", "0", 80])
    assert [model.spec.lookahead_ms for model in study.models] == [None, 0, 80] * 2
    assert study.figure == "bars"
    (alone,) = adhoc_study(["logmel"], ["digits"], lookahead_ms=[None]).models
    assert alone.spec.lookahead_ms is None
    assert adhoc_study(["passt_demo"], ["digits"], lookahead_ms=[0, 80]).figure == "along_lookahead"
    for value, shown in ((-1, "-1"), ("soon", "'soon'"), ("0.5", "'0.5'"), (True, "True")):
        with pytest.raises(ValueError, match=f"lookahead_ms must be whole milliseconds from 0, .*, got {shown}"):
            adhoc_study(["passt_demo"], ["digits"], lookahead_ms=[value])
    with pytest.raises(ValueError, match="lookahead_ms are given twice"):
        adhoc_study(["passt_demo@ahead0"], ["digits"], lookahead_ms=[0])


def test_levels_may_have_their_pooling():
    levels = ["block1..block3@weighted", "block1+block2@weighted", {"concatenated": ["block1..block2"]}, "block4"]
    study = adhoc_study(["passt_demo"], ["digits"], levels=levels)
    assert [(model.spec.levels, model.spec.pooling) for model in study.models] == [
        (("block1", "block2", "block3"), "weighted"),
        (("block1", "block2"), "weighted"),
        (("block1", "block2"), "concatenated"),
        (("block4",), "concatenated"),
    ]
    assert study.figure == "bars"
    (model,) = adhoc_study(["passt_demo@block1+block2@weighted@w320"], ["digits"]).models
    assert (model.spec.levels, model.spec.pooling, model.spec.windows_ms) == (("block1", "block2"), "weighted", (320,))
    with pytest.raises(ValueError, match="levels: unknown pooling 'max'"):
        adhoc_study(["passt_demo"], ["digits"], levels=["block1+block2@max"])


def test_the_name_is_made_from_the_content():
    study = adhoc_study(["passt_demo"], ["digits"], limit=20)
    assert re.fullmatch("passt_demo-digits-[0-9a-f]{8}", study.name)
    assert study.protocol == "hear2021+limit20"
    assert adhoc_study(["passt_demo"], ["digits"], limit=20).name == study.name
    others = [{}, {"limit": 21}, {"limit": 20, "seeds": [1]}, {"limit": 20, "windows_ms": [320]}]
    names = {adhoc_study(["passt_demo"], ["digits"], **other).name for other in others}
    assert len(names | {study.name}) == 5
    assert adhoc_study(["passt_demo"], ["digits"], limit=20, figure="heatmap").name == study.name
    assert adhoc_study(["logmel", "cnn_demo", "melproj"], ["some/where/my task"]).name.startswith("3_models-my_task-")
    assert adhoc_study(["logmel"], ["digits"], overrides=["name=mine"]).name == "mine"
    assert adhoc_study(["hear:" + 40 * "ab"], ["digits"]).name.startswith(20 * "ab" + "-digits-")
    assert Study.from_dict({"name": study.name, "models": [{"checkpoint": "logmel"}], "tasks": ["digits"]})


def test_the_axis_that_varies_is_drawn():
    assert adhoc_study(["passt_demo"], ["digits"], levels=["*"]).figure == "along_level"
    assert adhoc_study(["passt_demo"], ["digits"], windows_ms=[160, 640]).figure == "along_window"
    assert adhoc_study(["passt_demo"], ["digits"], windows_ms=[160, 640], levels=["*"]).figure == "bars"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], ["digits"]), "a study needs 'models'"),
        ((["logmel"], []), "a study needs 'tasks'"),
        ((["logmel", "logmel"], ["digits"]), "two models have the same spec 'logmel@"),
        ((["no_such"], ["digits"]), "unknown checkpoint 'no_such'"),
        (([3], ["digits"]), "a model must be a text or a mapping of keys, got 3"),
    ],
)
def test_wrong_models_and_tasks_are_named(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        adhoc_study(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit must be a whole number of at least 1"),
        ({"limit": 5, "protocol": "hear2021+limit6"}, "limit is given twice: 5, and in protocol 'hear2021+limit6'"),
        ({"levels": ["block9..block3"]}, "is empty; write block3..block9"),
        ({"levels": []}, "levels must be at least one level, got ()"),
        ({"levels": ["blok1"]}, "passt_demo: unknown level 'blok1' (did you mean 'block1'"),
        ({"windows_ms": ["big"]}, "windows_ms must be positive whole milliseconds, got ('big',)"),
        ({"seeds": [0, 0]}, "seeds must be distinct"),
        ({"overrides": ["tasks"]}, "--set must be PATH=VALUE"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        adhoc_study(["passt_demo"], ["digits"], **options)


def test_levels_are_given_once():
    with pytest.raises(ValueError, match="levels are given twice: for every model, and by 'passt_demo@features'"):
        adhoc_study(["passt_demo@features"], ["digits"], levels=["block1"])
    with pytest.raises(ValueError, match="crepe_tiny: windows_ms must be empty"):
        adhoc_study(["crepe_tiny"], ["digits"], windows_ms=[160])
