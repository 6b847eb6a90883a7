"""A folder in which the commands of the documents can be tried: small tasks, recordings, lists and finished runs."""

import functools
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch
import yaml
from click.testing import CliRunner
from safetensors.torch import load_file

from ablations.cli import main
from ablations.study.study import FOLDERS, Study
from passt.catalog import demo
from tests.ablations.models.hf import tiny
from tests.conftest import RATE, tone, write_beeps, write_clip, write_tones

ROOT = Path(__file__).parents[1]
SMALL = {"passt_s_swa_p16_128_ap476": "passt_demo", "crepe_full": "crepe_tiny"}
"""Models of the documents, and those that stand for them: their weights are not here without a network, or large."""
QUICK = {"task_specific_param_grid": {"max_epochs": [2], "check_val_every_n_epoch": [1]}}
GRID = "hear2021+grid1"  # one probe configuration in place of eight
LATENCY = {"model": "logmel", "levels": "mean+std", "windows": "160", "lookahead_ms": 80, "sound_ms": 160}
LATENCY |= {"threads": 1, "compute_ms": 1.5}
"""A row of `ablate benchmark latency`."""
FOLDS = {"split_mode": "presplit_kfold", "splits": ["fold00", "fold01", "fold02"], "clips": 3}


MAKERS: dict[str, Callable[[Path], object]] = {
    "digits": functools.partial(write_tones, **FOLDS, evaluation_params=QUICK),
    "digit_events": functools.partial(write_beeps, clips=2, evaluation_params=QUICK),
}
"""What makes a small task in the place of each packaged one."""


def fences(text: str, *languages: str) -> list[str]:
    """The contents of a document's fenced blocks of these languages; "" are blocks that name none."""
    blocks = re.findall(r"^```(\w*)[^\n]*\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [content for language, content in blocks if language in languages]


def yaml_blocks(text: str, key: str) -> Iterator[dict]:
    """The YAML that a document shows and that has this key."""
    for block in fences(text, "yaml", "yml"):
        if key in (content := yaml.safe_load(block)):
            yield content


def file_name(code: str) -> str | None:
    """The file that a block of Python is: its first line names it, as in `# mymodel.py`; None for any other block."""
    name = re.match(r"# (\w+\.py)\b", code)
    return name[1] if name else None


def make_world(world: Path, documents: Sequence[str]) -> None:
    """Make the folder; the current folder and the user's home are in it.

    In it are the files that documents show; their studies, on small tasks under the names of HEAR's, and their runs;
    the run `quickstart`, for which the packaged tasks have to be those of `MAKERS`; the rows of the runs that are
    committed; `list.csv`, `ratings.csv`, `a.wav` and `recordings/`; the weights `tuned.pt`; the encoder `mine`;
    `esc10.zip`, `fsdd.zip`; `latency.json` of one model; the kit folder `kit_folders/esc50-v2.0.0-full`; the committed
    figures of benchmarks.
    """
    tasks = world / "hear" / "tasks"
    write_tones(tasks / "esc50-v2.0.0-full", **FOLDS, evaluation_params=QUICK)
    write_tones(tasks / "esc10-v1", **FOLDS, evaluation_params=QUICK)
    write_beeps(tasks / "dcase2016_task2-hear2021-full", clips=2, evaluation_params=QUICK)
    (world / "tasks").symlink_to(tasks)
    write_tones(world / "my_tasks" / "tones", clips=2, evaluation_params=QUICK)
    for number in range(10):
        write_clip(world / "recordings" / f"{number}.wav", tone((300, 1500)[number % 2] * (1 + 0.02 * number), 0.4))
    files = sorted((world / "recordings").iterdir())
    shutil.copy(files[0], world / "a.wav")
    listed = {"file": [f"recordings/{file.name}" for file in files], "label": ["low", "high"] * (len(files) // 2)}
    pd.DataFrame(listed).to_csv(world / "list.csv", index=False)
    rated = {"file": listed["file"], "target": range(len(files))}
    pd.DataFrame(rated).to_csv(world / "ratings.csv", index=False)
    tiny.save("wav2vec2", world / "mine", num_hidden_layers=12)
    (world / "latency.json").write_text(json.dumps({"device": "a processor", "busy": False, "rows": [LATENCY]}))
    torch.save(load_file(demo.FOLDER / "passt_demo.safetensors"), world / "tuned.pt")
    _write_archive(world / "esc10.zip", _esc10())
    _write_archive(world / "fsdd.zip", _spoken_digits())
    for rows in (ROOT / "results" / "runs").glob("*/rows.csv"):
        (world / "runs" / rows.parent.name).mkdir(parents=True)
        shutil.copy(rows, world / "runs" / rows.parent.name)
    shutil.rmtree(world / "runs" / "quickstart")
    shutil.copytree(ROOT / "results" / "benchmarks", world / "results" / "benchmarks")
    quickstart = yaml.safe_load((FOLDERS[0] / "quickstart.yaml").read_text())
    small = {**quickstart, "protocol": GRID}
    for code in (code for text in documents for code in fences(text, "python")):
        if name := file_name(code):
            (world / name).write_text(code)
    for study in (small, *(_small(study) for text in documents for study in yaml_blocks(text, "models"))):
        path = world / f"{study['name']}.yaml"
        path.write_text(yaml.safe_dump(study))
        Study.load(path)
        _done("run", path, "--tasks", tasks)
    _done("export", "logmel", "esc50", "--tasks", tasks, "--out", "kit_folders")


def _small(study: dict) -> dict:
    models = [{**model, "checkpoint": SMALL.get(model["checkpoint"], model["checkpoint"])} for model in study["models"]]
    return {**study, "models": models, "protocol": GRID}


def _done(*arguments) -> None:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output


def _write_archive(path: Path, clips: Mapping[str, np.ndarray]) -> None:
    """A zip archive of clips by name."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, clip in clips.items():
            sound = io.BytesIO()
            soundfile.write(sound, clip, RATE, format=Path(name).suffix[1:].upper())
            archive.writestr(name, sound.getvalue())


def _esc10() -> dict[str, np.ndarray]:
    """Clips under names of ESC-10's archive."""
    return {
        f"00{number} - {label}/{fold}-{1000 * fold + number}-A.ogg": tone(200 * number + 20 * fold, 0.2)
        for number, label in enumerate(("Dog bark", "Rain"), start=1)
        for fold in range(1, 6)
    }


def _spoken_digits() -> dict[str, np.ndarray]:
    """Clips under names of the Free Spoken Digit Dataset's archive."""
    return {
        f"recordings/{digit}_{speaker}_{take}.wav": tone(200 + 500 * digit + 10 * take + 50 * number, 0.2)
        for digit in (0, 1)
        for number, speaker in enumerate(("george", "jackson", "lucas"))
        for take in (0, 1)
    }
