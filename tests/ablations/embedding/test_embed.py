"""Embeddings of any audio files: what is in a .npz, resuming, names, and files that are broken."""

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner

from ablations.cli.embed import embed
from ablations.embedding import outputs
from ablations.embedding.files import embed_files
from ablations.models import registry
from ablations.models.baselines.logmel import LogMelEmbedder
from ablations.system.compute import Machine
from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog import checkpoints, named
from passt.weights import load
from tests.conftest import tone, write_clip
from tests.reference_values import clip

LIGHT = "passt_l_kd_p16_128_ap47"  # 7 blocks, the smallest
PASST = f"{LIGHT}@logits+block2+mel@w160+320@untrained-0"
LOGMEL = "logmel@w160+320"


def run(files, tmp_path, spec=LOGMEL, **options):
    return embed_files(files, spec, out=tmp_path / "out", machine=Machine("cpu"), **options)


def invoke(*arguments):
    return CliRunner().invoke(embed, [*map(str, arguments), "--device", "cpu"])


def read(path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as found:
        return dict(found)


@pytest.fixture
def calls(monkeypatch) -> list[int]:
    """How many clips each call of an embedder got."""
    found = []
    embed_clips = outputs.Work.embed

    def counted(work, clips):
        found.append(len(clips))
        return embed_clips(work, clips)

    monkeypatch.setattr(outputs.Work, "embed", counted)
    return found


def test_a_file_holds_the_embedders_values_cut_by_level(tmp_path):
    sound = clip(0.4, 1)
    soundfile.write(tmp_path / "a.wav", sound.numpy(), 32000, subtype="FLOAT")
    table = run([tmp_path / "a.wav"], tmp_path, PASST)
    assert tuple(table.columns) == outputs.COLUMNS
    (row,) = table.to_dict("records")
    assert (row["seconds"], row["steps"], row["dim"], row["error"]) == (0.4, 9, 2 * (527 + 768) + 768, "")
    found = read(row["output"])
    embedder = PasstEmbedder(EmbeddingSpec.parse(PASST), device="cpu")
    values, times = embedder.timestamp_embedding(sound[None])
    assert np.array_equal(found["timestamp_embeddings"], values[0].numpy())
    assert np.array_equal(found["timestamps"], times.numpy())
    assert np.array_equal(found["scene"], embedder.scene_embedding(sound[None])[0].numpy())
    assert found["timestamp_levels"].tolist() == ["logits@160", "block2@160", "logits@320", "block2@320", "mel@own"]
    assert found["scene_levels"].tolist() == ["logits@own", "block2@own"]
    ((alone, _),) = embedder.timestamps([sound], [("block2", 320)], 50)
    start, stop = found["timestamp_offsets"][3:5]
    assert np.allclose(found["timestamp_embeddings"][:, start:stop], alone["block2", 320].numpy(), atol=2e-5)
    assert found["timestamp_offsets"][-1] == values.shape[-1]
    assert found["scene_offsets"].tolist() == [0, 527, 527 + 768]
    assert (found["spec"], found["weights"], found["precision"]) == (str(embedder.spec), "untrained-0", "fp32")
    assert (found["embedder"], found["sample_rate"]) == (embedder.fingerprint, 32000)


def test_any_rate_and_channels_are_mixed_and_resampled(tmp_path):
    times = {}
    for rate, channels in ((32000, 1), (44100, 2), (8000, 1)):
        sound = np.repeat(tone(440, 0.5, rate)[:, None], channels, axis=1)
        soundfile.write(tmp_path / f"{rate}.flac", sound, rate)
        times[rate] = read(run([tmp_path / f"{rate}.flac"], tmp_path)["output"][0])
    for rate in (44100, 8000):
        assert times[rate]["timestamps"].tolist() == [50.0 * step for step in range(11)]
        # band 20 is near the tone in all of them
        assert np.allclose(times[rate]["scene"][15:25], times[32000]["scene"][15:25], atol=0.1)


def test_a_second_run_computes_what_changed_only(tmp_path, calls):
    for name in ("a", "b", "c"):
        write_clip(tmp_path / "in" / f"{name}.wav", tone(440, 0.3))
    first = run([tmp_path / "in"], tmp_path)
    assert sum(calls) == 3
    calls.clear()
    again = run([tmp_path / "in"], tmp_path)
    assert sum(calls) == 0
    assert again.equals(first)
    write_clip(tmp_path / "in" / "b.wav", tone(880, 0.4))
    assert run([tmp_path / "in"], tmp_path)["steps"].tolist() == [7, 9, 7]
    assert sum(calls) == 1
    calls.clear()
    refused = run([tmp_path / "in"], tmp_path, "logmel@w320")  # never the embeddings of another spec in the same place
    assert refused["error"].str.contains("is there, of logmel@.*; expected a place of its own").all()
    assert sum(calls) == 0


def test_scene_and_timestamp_embeddings_asked_for_one_after_the_other_are_both_there(tmp_path):
    write_clip(tmp_path / "a.wav", tone(440, 0.3))
    run([tmp_path / "a.wav"], tmp_path, timestamps=False)
    (row,) = run([tmp_path / "a.wav"], tmp_path, scene=False).to_dict("records")
    with np.load(row["output"]) as found:
        assert found["scene"].shape == (256,)
        assert found["timestamp_embeddings"].shape == (7, 512)
        assert (len(found["scene_levels"]), len(found["timestamp_levels"])) == (2, 4)


def test_a_clip_that_the_model_fails_on_does_not_take_the_others_with_it(tmp_path, monkeypatch):
    for name, seconds in (("a", 0.3), ("b", 0.5), ("c", 0.3)):
        write_clip(tmp_path / "in" / f"{name}.wav", tone(440, seconds))
    plain = LogMelEmbedder.scene

    def scene(self, clips, taps):
        if any(len(clip) == 16000 for clip in clips):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return plain(self, clips, taps)

    monkeypatch.setattr(LogMelEmbedder, "scene", scene)
    found = run([tmp_path / "in"], tmp_path)
    assert found["dim"].tolist() == [512, 0, 512]
    assert "b.wav: OutOfMemoryError: CUDA out of memory" in found["error"][1]


def test_what_is_wrong_with_the_call_is_said_before_a_model_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("ablations.models.registry.build", None)
    write_clip(tmp_path / "a.wav", tone(440, 0.3))
    with pytest.raises(ValueError, match="out: no folder can be made at .*a.wav"):
        embed_files([tmp_path / "a.wav"], LOGMEL, out=tmp_path / "a.wav" / "inside")
    assert run([tmp_path / "absent.wav"], tmp_path)["error"].str.contains("absent.wav: no such file").all()


def test_a_part_that_is_missing_is_computed_and_one_too_many_is_kept(tmp_path, calls):
    write_clip(tmp_path / "a.wav", tone(440, 0.3))
    (row,) = run([tmp_path / "a.wav"], tmp_path, timestamps=False).to_dict("records")
    assert (row["steps"], row["dim"]) == (0, 256)
    assert "timestamps" not in read(row["output"])
    run([tmp_path / "a.wav"], tmp_path)
    (row,) = run([tmp_path / "a.wav"], tmp_path, scene=False).to_dict("records")
    assert (row["steps"], row["dim"]) == (7, 512)
    assert sum(calls) == 2
    assert {"scene", "timestamps"} < read(row["output"]).keys()


def test_equal_names_do_not_overwrite_one_another(tmp_path):
    for name in ("x/1.wav", "y/1.wav", "y/2.wav", "y/1.flac", "z/deep/1.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, tone(440, 0.2), 16000)
    files = [tmp_path / "x/1.wav", tmp_path / "y", tmp_path / "z", tmp_path / "y/../x/1.wav"]
    found = [output.split("out/")[1] for output in run(files, tmp_path)["output"]]
    assert found == ["x/1.wav.npz", "1.flac.npz", "y/1.wav.npz", "2.wav.npz", "deep/1.wav.npz"]


def test_the_output_of_another_file_is_not_overwritten(tmp_path):
    for frequency, folder in ((440, "x"), (880, "y")):
        write_clip(tmp_path / folder / "a.wav", tone(frequency, 0.2))
    run([tmp_path / "x/a.wav"], tmp_path)
    before = read(tmp_path / "out/a.wav.npz")
    (row,) = run([tmp_path / "y/a.wav"], tmp_path).to_dict("records")
    assert f"{tmp_path / 'out/a.wav.npz'} is there, of {tmp_path / 'x/a.wav'}" in row["error"]
    (tmp_path / "mine.npz").write_text("mine")
    assert "of something else" in embed_files([tmp_path / "x/a.wav"], LOGMEL, out=tmp_path / "mine.npz")["error"][0]
    assert (tmp_path / "mine.npz").read_text() == "mine"
    assert read(tmp_path / "out/a.wav.npz")["source"] == before["source"]


def test_broken_files_are_named_and_the_others_go_on(tmp_path):
    for name in ("a", "c"):
        write_clip(tmp_path / f"in/{name}.wav", tone(440, 0.2))
    (tmp_path / "in/b.wav").write_bytes(b"RIFF")
    (tmp_path / "in/d.wav").write_bytes((tmp_path / "in/a.wav").read_bytes()[:1000])
    (tmp_path / "in/notes.txt").write_text("not searched for")
    (tmp_path / "empty").mkdir()
    found = invoke(
        tmp_path / "in", tmp_path / "no.wav", tmp_path / "empty", "--spec", "logmel", "--out", tmp_path / "o"
    )
    assert found.exit_code == 1
    assert "2 of 6 files embedded" in found.stdout
    failed = [line for line in found.stderr.splitlines() if line.startswith("Failed: ")]
    for line, (name, reason) in zip(
        failed,
        [
            ("in/b.wav", "not readable as audio (4 bytes)"),
            ("in/d.wav", "cut short, 1000 bytes"),
            ("no.wav", "no such file"),
            ("empty", "a folder without audio files"),
        ],
        strict=True,
    ):
        assert f"{tmp_path / name}: {reason}" in line
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == ["a.wav.npz", "c.wav.npz"]


def test_the_command(tmp_path):
    write_clip(tmp_path / "a.wav", tone(440, 0.2))
    found = invoke(tmp_path / "a.wav", "--spec", "logmel@w320", "--out", tmp_path / "one.npz", "--timestamps")
    assert found.exit_code == 0, found.output
    assert "1 of 1 files embedded" in found.stdout
    assert "scene" not in read(tmp_path / "one.npz")
    assert read(tmp_path / "one.npz")["timestamp_embeddings"].shape == (5, 256)


def test_a_weight_file(tmp_path):
    write_clip(tmp_path / "a.wav", tone(440, 0.2))
    torch.save(load.untrained(checkpoints.get(LIGHT), 1), tmp_path / "mine.pt")
    (row,) = run([tmp_path / "a.wav"], tmp_path, f"{LIGHT}@block1", weights=tmp_path / "mine.pt").to_dict("records")
    assert read(row["output"])["weights"] == load.file_tag(tmp_path / "mine.pt")
    with pytest.raises(ValueError, match="weights are given twice: 'untrained-0' in the spec, and the file"):
        run([tmp_path / "a.wav"], tmp_path, PASST, weights=tmp_path / "mine.pt")
    with pytest.raises(FileNotFoundError, match=r"weights: no file at .*no\.pt"):
        run([tmp_path / "a.wav"], tmp_path, f"{LIGHT}@block1", weights=tmp_path / "no.pt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--spec", "paper-best"], "passt_s_swa_f128_stfthop160_p16_s10_ap473: no published weights at"),
        (["--spec", "logmel@w5"], "logmel: windows_ms must be at least 20 ms, got 5 ms"),
        (["--spec", f"{LIGHT}@mel@untrained-0", "--scene"], "has no scene embedding, its only level is mel"),
        (["--spec", "logmel", "--precision", "fp8"], "logmel: precision must be fp32, got 'fp8'"),
        (["--spec", "logmel", "--out", "one.npz"], "out must be a folder for 2 files, got one.npz"),
    ],
)
def test_wrong_calls_end_in_one_line(tmp_path, arguments, message):
    for name in ("a", "b"):
        write_clip(tmp_path / f"{name}.wav", tone(440, 0.2))
    found = invoke(tmp_path / "a.wav", tmp_path / "b.wav", *arguments)
    assert found.exit_code == 1
    assert message in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_mel_alone_has_timestamps_only(tmp_path, caplog):
    write_clip(tmp_path / "a.wav", tone(440, 0.2))
    (row,) = run([tmp_path / "a.wav"], tmp_path, f"{LIGHT}@mel@untrained-0").to_dict("records")
    assert "scene" not in read(row["output"])
    assert (row["steps"], row["dim"]) == (5, 768)
    assert "has no scene embedding, its only level is mel; timestamp embeddings only" in caplog.text


def test_batches_are_bounded_in_sound(tmp_path, calls, monkeypatch):
    for number in range(6):
        write_clip(tmp_path / f"in/{number}.wav", tone(440, 0.5))
    monkeypatch.setattr("downstream.extract.TIMESTAMP_BATCH_SECONDS", 1.0)
    run([tmp_path / "in"], tmp_path)
    assert calls == [2, 2, 2]


def test_named_specs_are_resolved_and_no_name_is_that_of_a_model():
    taken = {n for family in registry.families().values() for card in family.cards for n in (card.name, *card.aliases)}
    assert not taken & set(named.table())
    for name in named.table():
        assert registry.resolve(name) == EmbeddingSpec.parse(name)


def test_a_file_whose_name_is_no_utf8_is_embedded_or_named(tmp_path):
    write_clip(tmp_path / "in" / "a.wav", tone(300, 0.3))
    (tmp_path / "in" / "a.wav").rename(tmp_path / "in" / "\udcff\udcfe.wav")
    (tmp_path / "in" / "caf\udce9.wav").write_bytes(b"RIFF")
    done = invoke(tmp_path / "in", "--spec", LOGMEL, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "1 of 2 files embedded" in done.output
    assert "caf\\udce9.wav: not readable as audio" in done.output
    assert (tmp_path / "out" / "\udcff\udcfe.wav.npz").is_file()


def test_a_pooling_is_a_part_of_probes(tmp_path):
    write_clip(tmp_path / "a.wav", tone(440, 0.1, 16000), 16000)
    with pytest.raises(ValueError, match="pooling 'weighted' is a part of probes; expected a spec without it"):
        run([tmp_path / "a.wav"], tmp_path, "passt_demo@block1+block2@weighted")
    assert not (tmp_path / "out").exists()
