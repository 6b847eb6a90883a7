import contextlib
import json

import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from ablations.benchmarks import complexity, training
from ablations.benchmarks.training import Meter, recipe_of, trained, training_step
from passt.catalog import checkpoints
from passt.network import onednn
from passt.network.patchout import Patchout
from passt.training.attention import attention
from passt.weights import load
from passt.weights.initial import network_on_meta
from passt.windows.mel import MelSpectrogram
from tests.reference_values import clip

LIGHT = checkpoints.get("passt_l_kd_p16_128_ap47")  # 7 blocks, the smallest


PART = Patchout(rows=4, columns=1)


@pytest.fixture(scope="module")
def student():
    return trained(recipe_of(LIGHT, Patchout(), "fp32"), "cpu")


@pytest.fixture
def instant(monkeypatch):
    """Steps that take no time; returns (hop, device, precision) of each call."""
    calls = []

    def steps(checkpoint, device, precision):
        calls.append((checkpoint.hop, device, precision))
        names = ("train_speed_10s_samples_per_s", "train_speed_patchout", "inference_samples_per_s")
        return dict.fromkeys(names, lambda batch: lambda: None)

    def memory(checkpoint, device, precision, batch, choice):
        return 2e6 if choice == Patchout() else 1e6

    monkeypatch.setattr(complexity, "steps", steps)
    monkeypatch.setattr(complexity, "step_memory", memory)
    return calls


@pytest.mark.parametrize(("hop_ms", "tokens", "left"), [(10, 1190, 474), (5, 2390, 596), (3, 3830, 1016)])
def test_sequence_lengths_are_table_2s_with_cls_and_dist_in_every_row(hop_ms, tokens, left):
    assert complexity.lengths(checkpoints.get(complexity.CHECKPOINTS[hop_ms])) == (tokens, left)
    printed = complexity.published().loc[hop_ms]
    special = 0 if hop_ms == 10 else 2
    assert (printed["seq_len"], printed["seq_len_patchout"]) == (tokens - special, left - special)


def test_the_published_file_is_consistent():
    printed = complexity.published()
    assert list(printed.index) == list(complexity.CHECKPOINTS)
    gains = printed["train_speed_patchout"] / printed["train_speed_10s_samples_per_s"]
    assert (gains - printed["patchout_speedup"]).abs().max() < 0.06
    for hop_ms, name in complexity.CHECKPOINTS.items():
        assert checkpoints.get(name).hop * 1000 // 32000 == hop_ms


def test_the_trained_network_is_the_embedders_network(student):
    mel = torch.randn(1, 128, 56, generator=torch.Generator().manual_seed(0))
    plain = network_on_meta(LIGHT)
    plain.load_state_dict(load.untrained(LIGHT, 0), assign=True)
    with torch.no_grad():
        expected = plain(mel, ("logits",))["logits"]
        logits = [
            student.logits_of(student.net, mel, kept, 0) for kept in (None, torch.arange(12 * 5), torch.arange(12 * 4))
        ]
    assert torch.allclose(logits[0], expected, atol=1e-5)
    assert torch.allclose(logits[1], expected, atol=1e-5)
    assert not torch.allclose(logits[2], expected, atol=1e-5)


@pytest.mark.skipif(not onednn.works(), reason="oneDNN can't be used on this machine")
def test_the_networks_products_are_the_trainers(student):
    assert all(block.attn.attend is attention for block in student.net.blocks)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_reaches_every_parameter_and_leaves_no_gradient(precision):
    recipe = recipe_of(LIGHT, PART, precision)
    student, reached = trained(recipe, "cpu"), set()
    net = student.net
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            parameter.register_hook(lambda gradient, name=name: reached.add(name))
    before = net.cls_token.detach().clone()
    step = training_step(student, recipe, torch.stack([clip(0.5, 1), clip(0.5, 2)]))
    assert 0.6 < float(step()) < 0.8  # of untrained logits near 0: ln 2
    unused = {"head_dist.weight", "head_dist.bias"}
    assert reached == {name for name, _ in net.named_parameters()} - unused
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(net.cls_token, before)


def test_a_step_with_patchout_is_of_the_patches_left(student):
    seen = []
    hook = student.net.blocks[0].register_forward_pre_hook(lambda block, inputs: seen.append(inputs[0].shape[1]))
    for choice in (Patchout(), PART):
        training_step(student, recipe_of(LIGHT, choice, "fp32"), clip(0.5, 1)[None])()
    hook.remove()
    assert seen == [2 + 12 * 4, 2 + 8 * 3]


def test_a_step_sees_the_sound_as_it_is(student):
    sound, seen = torch.stack([clip(0.5, 1), clip(0.5, 2)]), []
    hook = student.net.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    training_step(student, recipe_of(LIGHT, PART, "fp32"), sound)()
    hook.remove()
    assert torch.equal(seen[0], MelSpectrogram(LIGHT.hop)(sound))


class Clock:
    """A clock that only `sleep` moves."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(training, "time", clock)
    return clock


def test_speed_is_clips_over_the_median_step(clock):
    pauses = iter([64.0, 2.0, 8.0, 1.0])
    speed = Meter("cpu", 4, 3, 100).speed(lambda batch: lambda: clock.sleep(next(pauses)))
    assert speed == (4 / 2.0, 4, 3)  # the step that warms up does not count


@pytest.mark.parametrize(("pause", "steps"), [(80.0, 1), (25.0, 2), (2.0, 5)])
def test_no_step_is_started_after_the_limit(clock, pause, steps):
    speed = Meter("cpu", 1, 5, 60).speed(lambda batch: lambda: clock.sleep(pause))
    assert speed == (1 / pause, 1, steps)


def test_out_of_memory_halves_the_batch():
    tried = []

    def make(batch):
        def step():
            tried.append(batch)
            if batch > 2:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")

        return step

    assert Meter("cpu", 9, 1, 60).speed(make)[1] == 2
    assert tried == [9, 4, 2, 2]
    with pytest.raises(ValueError, match="the memory of cpu must hold one clip of 10 s, it does not"):
        Meter("cpu", 4, 1, 60).speed(lambda batch: lambda: make(3)())


def test_the_table(instant):
    advanced = []

    @contextlib.contextmanager
    def track(description, total):
        yield advanced.append
        assert sum(advanced) == pytest.approx(total)

    record = complexity.measure("cpu", (3, 10), track=track)
    table = pd.DataFrame(record.rows)
    assert instant == [(100, "cpu", "fp32"), (320, "cpu", "fp32")]
    assert list(table["hop_ms"].unique()) == [3, 10]
    assert list(table["quantity"]) == 2 * list(complexity.QUANTITIES)
    memory = table["quantity"].str.contains("memory")
    assert (table["ratio"] == table["value"] / table["published"])[~memory].all()
    assert table["published"][memory].isna().all()
    assert table["value"][memory].tolist() == 2 * [2.0, 1.0]
    assert table["published"][~memory].tolist()[:6] == [3828, 1014, 3, 29.7, 9.9, 8.5]
    gain = table.set_index(["hop_ms", "quantity"])["value"][10]
    assert gain["patchout_speedup"] == gain["train_speed_patchout"] / gain["train_speed_10s_samples_per_s"]
    text = record.to_markdown()
    assert "1190 (1190)" in text
    assert "3830 (3828)" in text
    assert "no optimizer step" in text
    assert "Table 2 counts these two in its first row only" in text


def test_the_command_prints_the_table_and_writes_what_it_was(instant, tmp_path):
    out = tmp_path / "complexity.json"
    arguments = ["--device", "cpu", "--hop", "5", "--precision", "bf16", "--repeats", "2", "--out", str(out)]
    result = CliRunner().invoke(complexity.main, arguments)
    assert result.exit_code == 0, result.output
    assert "596 (594)" in result.output
    record = json.loads(out.read_text())
    assert record["command"] == "ablate benchmark complexity --device cpu --hop 5 --repeats 2 --precision bf16"
    assert record["threads"] == torch.get_num_threads()
    assert record["precision"] == "bf16"
    assert "torch" in record["versions"]
    assert record["device"]
    assert record["rows"][2]["steps"] == 2
    assert record["rows"][0]["steps"] is None
    assert instant == [(160, "cpu", "bf16")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, "batch must be 1 or more, got 0"),
        ({"repeats": -1}, "repeats must be 1 or more, got -1"),
        ({"hops": (10, 4)}, "hop must be one of 10, 5, 3 ms, got 4"),
        ({"precision": "fp16"}, "precision must be fp32 or bf16, got 'fp16'"),
        ({"device": "tpu"}, "device must be cpu"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_measured(instant, arguments, message):
    with pytest.raises(ValueError, match=message):
        complexity.measure(**arguments)
    assert instant == []


def test_a_wrong_option_ends_the_command_in_one_line(instant):
    result = CliRunner().invoke(complexity.main, ["--batch", "0"])
    assert result.exit_code == 1
    assert result.output.strip() == "Error: batch must be 1 or more, got 0"


def test_what_is_timed_runs(monkeypatch):
    monkeypatch.setattr(training, "CLIP_S", 2)
    monkeypatch.setattr(training, "PAPER", {320: Patchout(rows=4, columns=4)})
    for name, make in training.steps(LIGHT, "cpu", "bf16").items():
        assert Meter("cpu", 2, 1, 0).speed(make)[0] > 0, name


@pytest.mark.gpu
def test_on_cuda(cuda):
    record = complexity.measure(cuda, (10,), batch=2, repeats=1, precision="bf16")
    assert all(row["value"] > 0 for row in record.rows)
