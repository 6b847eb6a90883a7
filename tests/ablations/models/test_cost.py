"""The one model of cost: equal to what the embedders' networks compute, and the same wherever a cost is shown."""

import copy
import functools
import io
import json
import math

import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ablations.cli import main
from ablations.models import cost, registry
from ablations.models.times import Times
from ablations.report.costs import costs_of, known_models, unknown_costs
from ablations.report.draw import draw
from ablations.search.cost import cost_of
from ablations.study.study import Model
from ablations.units.unit import network_gmacs
from downstream.embedder import Embedder
from passt import complexity
from passt.catalog import checkpoints
from results.figures.cost import cost_table
from results.rows import rows
from tests.ablations.models.hf import tiny
from tests.results.figures.test_figures import EVENTS, SCENES, made
from tests.results.rows.test_rows import all_texts

SPECS = [
    "passt_demo@block1+features@w160+320@t500",
    "passt_demo@block2.patches+melmean@w200@s640@t250",
    "passt_demo@block12.patches@w160@s1000@t1000",
    "passt_demo@features+mel@w160@t1000",
    "passt_demo@melmean@w160",
    "passt_demo_hop160@logits@w160@s2000@t500",
    "mn01_as@block5+block15+melmean@w160+640@t500",
    "mn01_as@clf1+se4@w200@s3000@t1000",
    "mn01_as@melmean",
    "cnn14@block1@w320@s9000@t2000",
    "crepe_tiny@layer2.mean+logits@t500",
    "crepe_tiny@layer1.mean@t1000",
]


class Counting:
    """An embedder's network that counts the multiply-adds of its products, on the shapes of what it is given."""

    def __init__(self, net: torch.nn.Module) -> None:
        self.net, self.macs = copy.deepcopy(net).to("meta"), 0

    def __call__(self, batch: torch.Tensor, levels):
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            found = self.net(batch.to("meta"), levels)
        self.macs += counter.get_total_flops() // 2
        return found


@functools.cache
def counting(checkpoint: str) -> tuple[Embedder, Counting]:
    """An embedder whose network counts."""
    seeded = "untrained" in registry.card(checkpoint).weights
    embedder = registry.build(registry.resolve(checkpoint + "@untrained-0" * seeded), device="cpu")
    network = Counting(embedder.net)
    embedder._inference_form = network  # what computes inference
    return embedder, network


def computed(text: str, event: bool) -> int:
    """Multiply-adds of the real embedder's network for 10 s of sound."""
    spec = registry.resolve(text)
    embedder, network = counting(spec.checkpoint)
    network.macs, clip = 0, torch.zeros(cost.SECONDS * embedder.sample_rate)
    taps = spec.timestamp_taps() if event else spec.scene_taps()
    embedder.timestamps([clip], taps, spec.timestamp_hop_ms) if event else embedder.scene([clip], taps)
    return network.macs


@pytest.mark.parametrize("event", [False, True], ids=["scenes", "timestamps"])
@pytest.mark.parametrize("text", SPECS)
def test_it_is_what_the_network_computes_on_10_s(text, event):
    assert cost.macs(registry.resolve(text), event) == computed(text, event)


def test_a_pass_costs_what_its_depth_needs():
    embedded = complexity.macs(checkpoints.get("passt_demo"), levels=())
    blocks = [cost.macs(registry.resolve(f"passt_demo@block{n}"), event=False) - embedded for n in (1, 3)]
    assert blocks[1] == 3 * blocks[0]


@pytest.mark.parametrize("name", ["passt_demo@features", "mn04_as@block15"])
def test_windows_add_up_and_steps_multiply(name):
    alone = [cost.macs(registry.resolve(f"{name}@w{window}"), event=True) for window in (320, 640)]
    assert cost.macs(registry.resolve(f"{name}@w320+640"), event=True) == sum(alone)
    fine, coarse = (cost.macs(registry.resolve(f"{name}@t{hop}"), event=True) for hop in (50, 100))
    assert fine / 201 == coarse / 101
    assert cost.macs(registry.resolve(f"{name}@s640"), event=False) > cost.macs(registry.resolve(name), event=False)


def test_mel_costs_no_window_and_what_is_not_known_says_why():
    plain, with_mel = (registry.resolve(f"passt_demo@{levels}") for levels in ("features", "features+mel"))
    assert cost.macs(plain, event=True) == cost.macs(with_mel, event=True)
    for name in ("logmel", "melproj", "hear:some.module"):
        assert math.isnan(cost.macs(registry.resolve(name), event=True))
        assert cost.unknown(name)
    assert cost.unknown("crepe_tiny") == ""


def variants(*texts: str, task=EVENTS, score: float = 0.5) -> pd.DataFrame:
    return made(*((text, str(registry.resolve(text)), task, (score,)) for text in texts))


def test_variants_of_one_checkpoint_stand_where_their_windows_levels_and_steps_put_them():
    texts = [
        "passt_demo@features@w160",
        "passt_demo@features@w160+640",
        "passt_demo@block1",
        "passt_demo@features@t100",
    ]
    found = variants(*texts)
    drawn = cost_table(found, known_models(found)).set_index("label")["cost"]
    assert drawn.nunique() == 4
    assert drawn.to_dict() == {text: cost.macs(registry.resolve(text), event=True) / 1e9 for text in texts}
    assert drawn[texts[1]] > 5 * drawn[texts[0]]
    (axes,) = draw(found, "pareto", "title").axes
    assert axes.get_xlabel().replace("\n", " ") == "multiply-adds for timestamps of 10 s of audio (GMACs)"


def test_a_task_of_scenes_costs_scenes_and_both_kinds_their_mean():
    text = "passt_demo@features@w160"
    scenes, timestamps = (cost.macs(registry.resolve(text), event) / 1e9 for event in (False, True))
    assert scenes != timestamps
    found = variants(text, task=SCENES)
    assert cost_table(found, known_models(found))["cost"].tolist() == [scenes]
    assert (
        draw(found, "pareto", "t").axes[0].get_xlabel().replace("\n", " ")
        == "multiply-adds for scenes of 10 s of audio (GMACs)"
    )
    other = ("gtzan_genre", "top1_acc")
    mixed = pd.concat([found, variants(text), variants(text, task=other)], ignore_index=True)
    assert cost_table(mixed, known_models(mixed))["cost"].tolist() == pytest.approx([(2 * scenes + timestamps) / 3])
    label = draw(mixed, "pareto", "t").axes[0].get_xlabel().replace("\n", " ")
    assert label == "multiply-adds for 10 s of audio (GMACs), mean over tasks (2 of scenes and 1 of timestamps)"


def test_the_search_and_the_weight_of_units_count_alike():
    found = Model(registry.resolve("passt_demo@block1+features@w160+320"), "")
    for event in (False, True):
        macs = cost.macs(found.spec, event)
        assert cost_of("gmacs_per_s", found, [event]) == pytest.approx(macs / 1e10)
        assert network_gmacs([found], event) == pytest.approx(macs / 1e9)
    deeper = Model(registry.resolve("passt_demo@block3+features@w160"), "")
    assert network_gmacs([found, deeper], True) == pytest.approx(network_gmacs([found], True)), "one pass a window"
    assert network_gmacs([Model(registry.resolve("logmel"), "")], True) == 0
    assert network_gmacs([Model(registry.resolve("hear:some.module"), "")], True) > 0


def test_tables_say_the_cost_of_the_spec_by_kind_of_task_and_what_is_not_known(tmp_path):
    texts = ["passt_demo@features@w160", "passt_demo@features@w640", "logmel@w160"]
    found = variants(*texts)
    costs = costs_of(found)
    assert list(costs) == ["parameters", "GMACs of 10 s, timestamps", "look-ahead in ms"]
    assert costs["look-ahead in ms"].tolist() == [80, 320, 80]
    assert costs["GMACs of 10 s, timestamps"].nunique() == 2
    assert costs["parameters"].tolist()[:2] == [cost.parameters("passt_demo")] * 2
    assert list(costs_of(variants(*texts, task=SCENES))) == ["parameters", "GMACs of 10 s, scenes"]
    reason = "Multiply-adds are not known of logmel@w160: it has no network, and its front end is not counted."
    assert unknown_costs(found) == [reason]
    rows.write_rows(found.to_dict("records"), tmp_path / "rows.csv")
    printed = CliRunner().invoke(main, ["table", str(tmp_path), "--costs"])
    assert printed.exit_code == 0, printed.output
    assert reason in printed.stdout
    assert reason not in CliRunner().invoke(main, ["table", str(tmp_path)]).stdout
    assert "log-mel" in all_texts(draw(found, "pareto", "t")), "a line across, without a cost"


def test_specs_that_are_not_known_here_have_no_cost():
    found = made(("old", "gone_since@x@w160@smax@t50@published", EVENTS, (0.5,)))
    assert known_models(found).empty
    assert costs_of(found).isna().all(axis=None)
    assert unknown_costs(found) == []
    other = made(("old", "passt_demo@block99@w160@smax@t50@demo", EVENTS, (0.5,)))
    assert known_models(other)["hop_ms"].tolist() == [10.0]
    assert costs_of(other)["GMACs of 10 s, timestamps"].isna().all()
    assert costs_of(other)["look-ahead in ms"].isna().all()
    assert unknown_costs(other) == ["Multiply-adds are not known of old: this version has no such spec."]


def measured(path, busy=False):
    """A file as `ablate benchmark latency` writes it."""
    one = {"model": "passt_demo", "levels": "features", "windows": "160"}
    one |= {"lookahead_ms": 80, "sound_ms": 160, "threads": 1, "compute_ms": 12.5}
    clip = one | {"windows": "own", "lookahead_ms": 10000, "sound_ms": 10000, "compute_ms": 900}
    rows = [one, one | {"threads": 2, "compute_ms": 8}, clip]
    path.write_text(json.dumps({"device": "a processor, 2 cores", "busy": busy, "rows": rows}))
    return path


@pytest.mark.parametrize("busy", [False, True])
def test_measured_times_stand_beside_the_variants_that_they_are_of(busy, tmp_path):
    texts = ["passt_demo@features@w160", "passt_demo@features@w160@t100", "passt_demo@features@w640"]
    rows.write_rows(variants(*texts).to_dict("records"), tmp_path / "rows.csv")
    file = measured(tmp_path / "latency.json", busy)
    line = f"from {file}: a processor, 2 cores{', which did other work at the time' * busy}; one thread."
    printed = CliRunner().invoke(main, ["table", str(tmp_path), "--latency", str(file)])
    assert printed.exit_code == 0, printed.output
    assert line in printed.stdout
    written = CliRunner().invoke(main, ["table", str(tmp_path), "--latency", str(file), "--format", "csv"]).stdout
    table = pd.read_csv(io.StringIO(written)).set_index("model")
    assert table["ms to compute a timestamp"].dropna().to_dict() == dict.fromkeys(texts[:2], 12.5)
    assert table["real-time factor"].dropna().to_dict() == {texts[0]: 0.25, texts[1]: 0.125}


def test_models_side_by_side_have_not_the_time_of_one(tmp_path):
    times = Times.read(measured(tmp_path / "latency.json"))
    texts = ["passt_demo@features", "passt_demo@features ++ logmel"]
    assert times.of(str(registry.resolve(texts[0]))) == 12.5
    assert math.isnan(times.of(str(registry.resolve(texts[1]))))


def test_no_time_is_shown_that_was_not_measured(tmp_path):
    rows.write_rows(variants("passt_demo@block3").to_dict("records"), tmp_path / "rows.csv")
    file = measured(tmp_path / "latency.json")
    printed = CliRunner().invoke(main, ["table", str(tmp_path), "--latency", str(file)])
    assert f"{file} has no time of these variants." in printed.stdout
    assert "real-time factor" not in printed.stdout
    assert "look-ahead in ms" in printed.stdout
    file.write_text('{"rows": [{"threads": 1}]}')
    refused = CliRunner().invoke(main, ["table", str(tmp_path), "--latency", str(file)])
    assert refused.exit_code == 1
    assert f"{file}: expected what `ablate benchmark latency --out` writes" in refused.output


def test_frames_of_a_whole_clip_wait_for_the_clip(tmp_path):
    spec = f"hf:{tiny.save('hubert', tmp_path / 'hubert')}@block1"
    rows.write_rows(variants(spec, f"{spec}@w200").to_dict("records"), tmp_path / "rows.csv")
    printed = CliRunner().invoke(main, ["table", str(tmp_path), "--costs", "--format", "csv"])
    assert printed.exit_code == 0, printed.output
    table = pd.read_csv(io.StringIO(printed.stdout))
    assert table["look-ahead in ms"].tolist() == ["the clip", "100.0"]
