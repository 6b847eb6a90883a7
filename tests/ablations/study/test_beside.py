"""Models side by side in studies: in YAML, on the command line, in searches; their labels and costs."""

import math
import re
from pathlib import Path

import click
import pytest

from ablations.models import cost, registry
from ablations.models.lookahead import lookahead_ms
from ablations.models.times import Times, key_of
from ablations.report.costs import COMPUTE, FACTOR, costs_of, known_models, unknown_costs
from ablations.search.space import Space
from ablations.study.adhoc import adhoc_study
from ablations.study.study import Study
from ablations.terminal.names import MODEL
from results.scores.axes import AXIS_COLUMNS, checkpoint_of, with_axes
from results.scores.kinds import is_untrained
from tests.ablations.models.test_cost import SCENES, variants

PAIR = "passt_demo@logits+features@w160@smax@t50@demo ++ crepe_tiny@layer5@wown@smax@t100@published"


def models_of(*entries, **changes):
    return Study.from_dict({"name": "mine", "models": list(entries), "tasks": ["digits"], **changes}).models


def test_the_keys_of_an_entry_are_those_of_its_first_model():
    (model,) = models_of({"checkpoint": "passt_demo", "windows_ms": [[160]], "beside": "crepe_tiny@t100"})
    assert str(model.spec) == PAIR
    assert [str(part.spec) for part in model.parts] == PAIR.split(" ++ ")
    assert (model.label, model.family) == ("passt_demo ++ crepe_tiny", "passt ++ crepe")
    assert model.weights == "demo ++ published"


def test_values_of_beside_are_crossed_as_all_others():
    models = models_of(
        {"checkpoint": ["passt_demo", "cnn_demo"], "beside": ["logmel", "logmel++crepe_tiny", [["melproj", "chance"]]]}
    )
    assert [model.label for model in models] == [
        f"{first} ++ {beside}"
        for first in ("passt_demo", "cnn_demo")
        for beside in ("logmel", "logmel ++ crepe_tiny", "melproj ++ chance")
    ]


def test_labels_say_what_tells_parts_of_one_checkpoint_apart():
    models = models_of(
        {"checkpoint": "passt_demo", "levels": [["block1"], ["block6"]], "beside": "crepe_tiny"},
        {"checkpoint": "crepe_tiny", "timestamp_hop_ms": 100},
        {"checkpoint": "cnn_demo", "beside": "cnn_demo@untrained-0", "label": "twice"},
    )
    assert [model.label for model in models] == [
        "passt_demo block1 ++ crepe_tiny hop 50 ms",
        "passt_demo block6 ++ crepe_tiny hop 50 ms",
        "crepe_tiny hop 100 ms",
        "twice",
    ]


def test_files_and_folders_of_each_part_begin_at_the_studys_folder(tmp_path):
    file = tmp_path / "mine.pt"
    file.write_bytes(b"weights")
    entry = {"checkpoint": "passt_demo", "beside": {"checkpoint": "cnn_demo", "weights": "mine.pt"}}
    content = {"name": "mine", "models": [entry], "tasks": ["digits"]}
    (model,) = Study.from_dict(content, tmp_path).models
    assert model.parts[1].weights_file == file
    assert model.parts[1].spec.weights.startswith("sha256-")
    assert model.spec.beside == (model.parts[1].spec,)
    assert model.parts[0].weights_file is None


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"checkpoint": "passt_demo ++ crepe_tiny"}, "checkpoint must be one model, got 'passt_demo ++ crepe_tiny'"),
        ({"checkpoint": "passt_demo", "beside": "nowhere"}, "unknown checkpoint 'nowhere'"),
        ({"checkpoint": "passt_demo", "beside": "crepe_tiny@block1"}, "crepe_tiny: unknown level 'block1'"),
        ({"checkpoint": "passt_demo", "beside": "passt_demo"}, "stands beside itself; expected distinct models"),
        ({"checkpoint": "passt_demo", "beside": 3}, "beside must be text, got 3"),
        ({"checkpoint": "passt_demo", "beside": {"checkpoint": ["logmel", "melproj"]}}, "beside must be one model"),
        ({"checkpoint": "passt_demo", "beside": {"checkpoint": "logmel", "hop": 3}}, "unknown key 'hop'"),
        ({"checkpoint": "passt_demo", "levels": {"weighted": ["block1", "block2"]}, "beside": "logmel"}, "no pooling"),
    ],
)
def test_what_cannot_stand_side_by_side_is_named(entry, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        models_of(entry)


def test_a_text_of_the_command_line_is_a_study():
    study = adhoc_study(["passt_demo@w160++crepe_tiny@t100", "passt_demo"], ["digits"])
    assert str(study.models[0].spec) == PAIR
    assert study.name.startswith("passt_demo_crepe_tin-passt_demo-digits-")
    assert study.figure == "bars"
    assert Study.from_dict(study.content).models == study.models
    with pytest.raises(ValueError, match="levels are given for every model, and 'passt_demo "):
        adhoc_study(["passt_demo ++ crepe_tiny"], ["digits"], levels=["block1"])
    with pytest.raises(ValueError, match="expected a model before and behind each"):
        adhoc_study(["passt_demo ++ "], ["digits"])


def test_searches_are_of_one_model_at_a_time():
    with pytest.raises(ValueError, match="space must be of one model at a time, got the key beside"):
        Space.of({"checkpoint": "passt_demo", "beside": ["logmel", "chance"]}, "hear2021", Path())
    with pytest.raises(ValueError, match="checkpoint must be one model"):
        Space.of({"checkpoint": ["passt_demo ++ logmel", "chance"]}, "hear2021", Path())


def test_costs_are_sums_and_each_network_counts_once():
    spec = registry.resolve(PAIR)
    first, second = spec.parts
    assert cost.parameters_of(spec) == cost.parameters("passt_demo") + cost.parameters("crepe_tiny")
    for event in (False, True):
        assert cost.macs(spec, event) == cost.macs(first, event) + cost.macs(second, event)
    one = registry.resolve("passt_demo@block1@w160 ++ passt_demo@block6@w160")
    together = registry.resolve("passt_demo@block1+block6@w160")
    assert cost.parameters_of(one) == cost.parameters("passt_demo")
    assert cost.macs(one, event=True) == cost.macs(together, event=True)
    seeds = registry.resolve("cnn_demo@untrained-0 ++ cnn_demo@untrained-1")
    assert cost.parameters_of(seeds) == 2 * cost.parameters("cnn_demo")
    assert cost.macs(seeds, event=False) == 2 * cost.macs(seeds.parts[0], event=False)
    assert math.isnan(cost.macs(registry.resolve("passt_demo ++ logmel"), event=False))


def test_columns_of_a_pair_are_of_neither_model_alone():
    rows = variants(PAIR, "passt_demo@block6@w320@s1000@t50@demo", task=SCENES)
    axes = with_axes(rows, known_models(rows)).drop_duplicates("spec").set_index("spec")
    assert axes.loc[PAIR, list(AXIS_COLUMNS)].isna().all()
    assert axes.loc[PAIR, "checkpoint"] == "passt_demo ++ crepe_tiny"
    assert axes.loc[PAIR, "levels"] == "logits+features ++ layer5"
    assert axes.loc[PAIR, "pool"] == ""
    assert axes["level"].tolist()[1] == "block6"
    assert axes["scene_window_ms"].tolist()[1] == 1000
    assert checkpoint_of(rows["spec"]).unique().tolist() == ["passt_demo ++ crepe_tiny", "passt_demo"]
    known = known_models(rows).set_index("spec")
    assert known.loc[PAIR, "parameters"] == cost.parameters_of(registry.resolve(PAIR))
    assert costs_of(rows)["parameters"].notna().all()
    assert unknown_costs(rows) == []


def test_times_and_look_ahead_are_those_of_all():
    first, second = PAIR.split(" ++ ")
    times = Times({key_of(registry.resolve(first)): 10.0, key_of(registry.resolve(second)): 5.0})
    assert times.of(PAIR) == 15
    costs = costs_of(variants(PAIR, first), times)
    assert costs[COMPUTE].tolist() == [15, 10]
    assert costs[FACTOR].tolist() == [10 / 50 + 5 / 100, 10 / 50]
    assert lookahead_ms(registry.resolve(PAIR)) == lookahead_ms(registry.resolve(first)) == 80
    assert math.isnan(Times({key_of(registry.resolve(first)): 10.0}).of(PAIR))


def test_only_models_without_any_training_are_untrained():
    rows = variants(PAIR, task=SCENES)
    weights = ["untrained-0", "untrained-0 ++ untrained-1", "untrained-0 ++ demo", "demo ++ untrained-0", "demo"]
    flags = is_untrained(rows.iloc[[0] * 5].assign(weights=weights)["weights"])
    assert flags.tolist() == [True, True, False, False, False]


def test_a_shell_completes_the_model_behind_the_last_sign():
    context, option = click.Context(click.Command("run")), click.Option(["--model"])
    for before in ("", "logmel++", "logmel ++ crepe_tiny ++ "):
        offered = [item.value for item in MODEL.shell_complete(context, option, f"{before}cnn_d")]
        assert offered == [f"{before}cnn_demo"]
