"""Encoders on the command line and in studies."""

import yaml
from click.testing import CliRunner

from ablations.cli import main
from results.rows.rows import read_rows


def ablate(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_run_a_folder_on_scenes_and_events(folder_of, scene_task, event_task, tmp_path, monkeypatch):
    monkeypatch.chdir(folder_of("wav2vec2").parent)
    tasks = ("--task", scene_task(), "--task", event_task("beeps"))
    places = ("--runs", tmp_path / "runs", "--store", tmp_path / "store")
    ablate("run", "--model", "hf:./wav2vec2@block2", *tasks, "--protocol", "hear2021+grid1", *places)
    (run,) = (tmp_path / "runs").iterdir()
    rows = read_rows(run)
    assert set(rows["model"]) == {"wav2vec2"}
    assert set(rows["spec"]) == {"hf:./wav2vec2@block2@wown@smax@t50@published"}
    assert len(set(rows["task"])) == 2
    assert "| wav2vec2 |" in (run / "table.md").read_text()


def test_the_levels_of_a_study_begin_at_its_folder(folder_of, scene_task, tmp_path):
    link = tmp_path / "studies" / "mine"
    link.parent.mkdir()
    link.symlink_to(folder_of("ast"))
    models = [{"checkpoint": "hf:./mine", "levels": [["block0..block2"]], "windows_ms": [[400]]}]
    study = {"name": "encoders", "models": models, "tasks": [str(scene_task())], "protocol": "hear2021+grid1"}
    (link.parent / "encoders.yaml").write_text(yaml.safe_dump(study))
    ablate("run", link.parent / "encoders.yaml", "--runs", tmp_path / "runs", "--store", tmp_path / "store")
    rows = read_rows(tmp_path / "runs" / "encoders")
    assert set(rows["model"]) == {"mine block0", "mine block1", "mine block2"}
    assert set(rows["spec"]) == {f"hf:{tmp_path}/studies/mine@block{n}@w400@smax@t50@published" for n in range(3)}


def test_the_card_says_what_is_padded_and_read(folder_of):
    said = ablate("models", f"hf:{folder_of('whisper')}")
    assert "sample rate  16000 Hz" in said
    assert "20 ms apart" in said
    assert "every window is padded to 30 s, as the model was trained; its own frames are read" in said
    assert "features is pooler_output" in ablate("models", f"hf:{folder_of('clap')}")


def test_the_rules_of_the_api_hold(folder_of):
    for kind in ("wav2vec2_masked", "wav2vec2_bert"):
        assert "12 of 12 rules hold" in ablate("check", f"hf:{folder_of(kind)}")


def test_an_encoder_stands_beside_a_model(folder_of, event_task, tmp_path, monkeypatch):
    monkeypatch.chdir(folder_of("wav2vec2").parent)
    places = ("--runs", tmp_path / "runs", "--store", tmp_path / "store")
    pair = ("--model", "logmel@w160@t200 ++ hf:./wav2vec2@block2@t100")
    ablate("run", *pair, "--task", event_task(), "--protocol", "ridge", *places)
    (run,) = (tmp_path / "runs").iterdir()
    assert set(read_rows(run)["model"]) == {"logmel ++ wav2vec2"}
