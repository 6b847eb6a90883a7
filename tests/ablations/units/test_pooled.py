"""Jobs whose probes pool levels or tokens: what they ask for, and where that can't be had."""

import pytest
import torch

from ablations.models import registry
from ablations.runs.plan import plan_study
from ablations.runs.run import run_study
from ablations.store.run_check import run_faults
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.jobs import jobs_of
from ablations.units.unit import find_tasks, units_of
from ablations.units.where import Where
from downstream.pooling.pooling import Pooling
from passt.catalog.card import Card
from results import load
from results.rows.rows import read_rows
from results.scores.level_weights import level_weights

WIDTHS = {"block1": 3, "block2": 3, "logits": 2, "block1.tokens": 3, "logits.tokens": 2}
CARD = Card(
    "layered", "layered", 16000, tuple(WIDTHS), ("block1",), (160,), 100, default_weights="none", weights=("none",)
)


class Layered:
    """An embedder of three levels, one of which has another width, and of two tokens of a level."""

    name, sample_rate, fingerprint, dims, own_hop_ms = "layered", 16000, "a" * 16, dict(WIDTHS), None
    labels, precision, versions = (), "fp32", {}

    def __init__(self, absent=()):
        self.dims = {level: width for level, width in WIDTHS.items() if level not in absent}

    def tokens(self, tap):
        return 2 if tap[0].endswith(".tokens") else 1

    def scene(self, clips, taps):
        return {tap: torch.stack([self._values(clip, tap) for clip in clips]) for tap in taps}

    def _values(self, clip, tap):
        width = self.dims[tap[0]] * self.tokens(tap)
        spectrum = torch.fft.rfft(clip[:8000]).abs()
        return spectrum[: width * 100].view(width, 100).mean(1) * (1 + len(tap[0]))


@pytest.fixture
def layered(monkeypatch):
    """The embedder of the checkpoint `layered`, without its levels `absent`."""
    family = registry.family_of("logmel")
    monkeypatch.setattr(registry, "card", lambda name: CARD)
    monkeypatch.setattr(registry, "family_of", lambda name: family)
    embedder = Layered()
    monkeypatch.setattr(registry, "build", lambda *_, **__: embedder)
    return embedder


def study_of(task, levels, protocol="hear2021+grid1", **fields):
    models = [{"checkpoint": "layered", "levels": levels, "timestamp_hop_ms": 200}]
    return Study.from_dict({"name": "mine", "models": models, "tasks": [str(task)], "protocol": protocol, **fields})


def jobs(study, embedder, tmp_path):
    (named,) = find_tasks(study, tmp_path, tmp_path, pytest.fail)
    (unit,) = units_of(study, [named])
    found = jobs_of(unit, [embedder], study.protocol, tmp_path)
    return [shared.job for group in found.shared.values() for shared in group], [
        cell.reason for cell in found.not_applicable
    ]


def test_parts_are_levels_or_tokens(tmp_path, scene_task, layered):
    levels = [["block1"], {"weighted": ["block1", "block2"]}, {"mean": "block1.tokens"}, ["block1.tokens"]]
    found, reasons = jobs(study_of(scene_task(), levels), layered, tmp_path)
    assert [job.pooling for job in found] == [None, Pooling("weighted", 2), Pooling("mean", 2), None]
    assert len({job.key for job in found}) == 4
    assert reasons == []


@pytest.mark.parametrize("pooling", ["weighted", "weighted_normalized"])
def test_levels_of_other_widths_are_named(tmp_path, scene_task, layered, pooling):
    found, reasons = jobs(study_of(scene_task(), {pooling: ["block1", "logits", "block2"]}), layered, tmp_path)
    expected = f"its levels have different widths, expected one for pooling {pooling}: block1 block2 of 3, logits of 2"
    assert (found, reasons) == ([], [expected])


@pytest.mark.parametrize("protocol", ["knn", "ridge", "logistic"])
def test_a_protocol_without_training_learns_no_pooling(tmp_path, scene_task, layered, protocol):
    levels = [{"weighted": ["block1", "block2"]}, {"attention": "block1.tokens"}, {"meanmax": "block1.tokens"}]
    found, reasons = jobs(study_of(scene_task(), levels, protocol), layered, tmp_path)
    assert [job.pooling.name for job in found] == ["meanmax"]
    assert [reason.split(",")[0] for reason in reasons] == [
        f"{protocol} can't learn the weights of levels (weighted)",
        f"{protocol} can't learn a pooling of tokens (attention)",
    ]


def test_a_model_without_tokens_is_named(tmp_path, scene_task, layered):
    embedder = Layered(absent=["block1.tokens", "logits"])
    found, reasons = jobs(study_of(scene_task(), [{"mean": "block1.tokens"}, ["logits"]]), embedder, tmp_path)
    assert (found, reasons) == ([], ["it has no tokens block1.tokens", "its weights have no level logits"])


def test_a_run_has_the_weights_as_rows(tmp_path, scene_task, layered, caplog):
    levels = [
        *([level] for level in ("block1", "block2")),
        *({pooling: ["block1", "block2"]} for pooling in ("weighted", "weighted_normalized", "concatenated")),
        *({pooling: "block1.tokens"} for pooling in ("mean", "meanmax", "attention", "attention_labels", "prototypes")),
        {"weighted": ["block1", "logits"]},
    ]
    study, where = study_of(scene_task(), levels, seeds=[0, 1]), Where(tmp_path / "runs", tmp_path / "store")
    plan = plan_study(study, where, Machine("cpu"), measure=False)
    assert (plan["jobs"].sum(), plan["problem"].notna().sum()) == (20, 0)
    assert "not applicable: layered weighted(block1+logits) on " in caplog.text
    outcome = run_study(study, where, Machine("cpu"))
    assert [cell.model for cell in outcome.not_applicable] == ["layered weighted(block1+logits)"]
    assert (outcome.failures, list(run_faults(outcome.folder))) == ((), [])
    rows = read_rows(outcome.folder)
    metrics = rows["metric"].unique()
    assert [metric for metric in metrics if metric.startswith("weight.")] == ["weight.block1", "weight.block2"]
    weights = rows[rows["metric"].str.startswith("weight.")]
    assert not weights["primary"].any()
    assert set(weights["model"]) == {"layered weighted(block1+block2)", "layered weighted_normalized(block1+block2)"}
    assert weights.groupby(["model", "fold", "seed"])["score"].sum().to_numpy() == pytest.approx(1)
    table = level_weights(load(outcome.folder))
    assert table["weight"].sum() == pytest.approx(2)
    assert set(table["seeds"]) == {2}
    before = (outcome.folder / "rows.csv").read_bytes()
    assert run_study(study, where, Machine("cpu")).failures == ()
    assert (outcome.folder / "rows.csv").read_bytes() == before
