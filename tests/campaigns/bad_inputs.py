"""Bad inputs by the hundred, at every door: mutated audio, lists, YAML, JSON, pickles, archives, weights.

    python -m tests.campaigns.bad_inputs --count 900 --out results/benchmarks/bad_inputs.json

Every attempt is one command in a process of its own. It has to end in one line that names what is wrong, or to take the
input; it must not show a traceback, hang, be ended by a signal, say nothing, or need a gigabyte. What was taken has to
be right as far as can be told: every embedding is finite, every task that was written can be read back.
"""

import json
import pickle
import random
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import soundfile
import torch
import yaml

from ablations.cli import main as cli
from ablations.search.declared import Search
from ablations.study.study import Study
from ablations.system.errors import one_line_errors
from ablations.training.train import load_stages
from downstream.tasks.archive import unpack
from downstream.tasks.task import Task
from passt import EmbeddingSpec, PasstEmbedder
from tests.campaigns.children import Ending, attempt
from tests.campaigns.mutations import ODD_TEXTS, changed_bytes, changed_text, changed_value
from tests.campaigns.record import command_of

LIMIT_S, LIMIT_MB = 30.0, 1000.0
RATE = 16000
SUFFIXES = ("wav", "flac", "ogg", "mp3", "aiff", "w64", "caf", "au")
MIXED = {"study": 3, "audio": 4, "list": 3}
"""How much more often than once a door is drawn."""

Attempt = Callable[[], None]


@dataclass(frozen=True)
class Good:
    """The good inputs that are changed, below one folder."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Good":
        """Write sounds, a task, a run, an embedding folder, an archive and a file of weights."""
        folder.mkdir(parents=True)
        draw = np.random.default_rng(0)
        rows = []
        for number in range(12):
            tone = 0.3 * np.sin(2 * np.pi * (300, 1500)[number % 2] * np.arange(RATE // 2) / RATE)
            soundfile.write(folder / f"{number}.wav", tone + 0.01 * draw.standard_normal(len(tone)), RATE)
            rows.append(f"{number}.wav,{('low', 'high')[number % 2]},r{number // 2}")
        (folder / "list.csv").write_text("\n".join(["file,label,recording", *rows]) + "\n")
        for suffix in SUFFIXES:
            sound, _ = soundfile.read(folder / "0.wav")
            soundfile.write(folder / f"sound.{suffix}", sound, RATE, format=suffix.upper())
        _command("prepare", folder / "list.csv", "--out", folder / "tones-v1", "--folds", "3")
        study = {"name": "good", "models": [{"checkpoint": "logmel"}], "tasks": [str(folder / "tones-v1")]}
        (folder / "good.yaml").write_text(yaml.safe_dump(study | {"protocol": "hear2021+grid1+linear"}))
        _command("run", folder / "good.yaml", "--runs", folder / "runs", "--store", folder / "store")
        _command("export", "logmel", folder / "tones-v1", "--out", folder / "kit", "--store", folder / "store")
        with tarfile.open(folder / "tones.tar.gz", "w:gz") as archive:
            archive.add(folder / "tones-v1", "tasks/tones-v1")
        spec = EmbeddingSpec("passt_demo", levels=("features",), weights="untrained-0")
        torch.save(PasstEmbedder(spec, device="cpu").net.state_dict(), folder / "weights.pt")
        return cls(folder)


def _command(*arguments: Any) -> None:
    """A command of `ablate` that has to succeed."""
    cli.main([str(argument) for argument in arguments], standalone_mode=False)


def _ablate(*arguments: Any) -> Attempt:
    return lambda: cli.main([str(argument) for argument in arguments])


def _reading(function: Callable[[], object]) -> Attempt:
    """A function as a command whose errors are one line."""
    return lambda: click.command()(one_line_errors(function))(args=[])


def _audio(good: Good, work: Path, draw: random.Random) -> Attempt:
    suffix = draw.choice(SUFFIXES)
    file = work / f"sound.{suffix}"
    file.write_bytes(changed_bytes((good.folder / file.name).read_bytes(), draw))

    def embed() -> None:
        _ablate("embed", file, "--spec", "logmel", "--out", work / "out.npz")()

    return _checked(embed, lambda: _finite(work / "out.npz"))


def _list(good: Good, work: Path, draw: random.Random) -> Attempt:
    for file in good.folder.glob("*.wav"):
        (work / file.name).symlink_to(file)
    text = changed_text((good.folder / "list.csv").read_text(), draw)
    encoding = draw.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"))
    (work / "list.csv").write_bytes(text.encode(encoding, errors="replace"))
    prepare = _ablate("prepare", work / "list.csv", "--out", work / "mine-v1", "--folds", "3")
    return _checked(prepare, lambda: Task.from_dir(work / "mine-v1"))


def _yaml(base: Path, draw: random.Random) -> str:
    text = base.read_text()
    if draw.random() < 0.3:
        return changed_text(text, draw)
    return yaml.safe_dump(changed_value(yaml.safe_load(text), draw), allow_unicode=True)


def _study(good: Good, work: Path, draw: random.Random) -> Attempt:
    (work / "s.yaml").write_text(_yaml(good.folder / "good.yaml", draw), errors="surrogatepass")
    if draw.random() < 0.5:
        return _reading(lambda: Study.load(work / "s.yaml"))
    return _ablate("plan", work / "s.yaml", "--no-measure", "--runs", work, "--store", good.folder / "store")


def _packaged(kind: str, load: Callable[[Path], object]) -> Callable[[Good, Path, random.Random], Attempt]:
    """Mutants of the packaged YAML of a kind."""

    def door(good: Good, work: Path, draw: random.Random) -> Attempt:
        bases = sorted((Path(cli.__file__).parent / kind).glob("*.yaml"))
        (work / "d.yaml").write_text(_yaml(draw.choice(bases), draw), errors="surrogatepass")
        return _reading(lambda: load(work / "d.yaml"))

    return door


def _task(good: Good, work: Path, draw: random.Random) -> Attempt:
    folder = shutil.copytree(good.folder / "tones-v1", work / "tones-v1")
    file = draw.choice([path for path in sorted(folder.iterdir()) if path.suffix in (".json", ".csv")])
    _change_file(file, draw)
    return _ablate("export", "logmel", folder, "--out", work / "kit", "--store", work / "store")


def _kit(good: Good, work: Path, draw: random.Random) -> Attempt:
    (source,) = (good.folder / "kit").iterdir()
    folder = shutil.copytree(source, work / "kit")
    _change_file(draw.choice([path for path in sorted(folder.iterdir()) if path.is_file()]), draw)
    return _ablate("probe", folder, "--protocol", "hear2021+grid1+linear")


def _run(good: Good, work: Path, draw: random.Random) -> Attempt:
    folder = shutil.copytree(good.folder / "runs" / "good", work / "good")
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".json", ".csv", ".npz")]
    _change_file(draw.choice(files), draw)
    command = draw.choice((("table",), ("compare",), ("store", "check", "--store", good.folder / "store", "--runs")))
    return _ablate(*command, folder)


def _archive(good: Good, work: Path, draw: random.Random) -> Attempt:
    file = work / "tones.tar.gz"
    file.write_bytes(changed_bytes((good.folder / file.name).read_bytes(), draw))
    return _reading(lambda: unpack(file, work / "tones-v1"))


def _weights(good: Good, work: Path, draw: random.Random) -> Attempt:
    file = work / "weights.pt"
    state = torch.load(good.folder / "weights.pt")
    name = draw.choice(sorted(state))
    tensor = state[name]
    odd = (None, 3, "x", [1], {}, tensor.to(torch.int8), tensor.bool(), tensor[..., :0], tensor.to_sparse())
    if draw.random() < 0.5:
        torch.save(state | {name: draw.choice(odd)}, file)
    else:
        file.write_bytes(changed_bytes((good.folder / file.name).read_bytes(), draw))
    return _ablate("embed", good.folder / "0.wav", "--spec", "passt_demo@features", "--weights", file, "--out", work)


def _spec(good: Good, work: Path, draw: random.Random) -> Attempt:
    text = changed_text("passt_demo@block1+features@w160+640@s2560@t50@untrained-0", draw).replace("\x00", "")
    return _reading(lambda: EmbeddingSpec.parse(text))


def _pickle(good: Good, work: Path, draw: random.Random) -> Attempt:
    (source,) = (good.folder / "kit").iterdir()
    folder = shutil.copytree(source, work / "kit")
    value: Any = draw.choice(ODD_TEXTS)
    for _ in range(draw.choice((1, 5, 40))):
        value = [value, value]  # one list twice: a pickle of a few bytes, a value that doubles
    file = draw.choice(sorted(folder.glob("*.pkl")))
    file.write_bytes(pickle.dumps(value))
    return _ablate("probe", folder, "--protocol", "hear2021+grid1+linear")


DOORS: Mapping[str, Callable[[Good, Path, random.Random], Attempt]] = {
    "audio": _audio,
    "list": _list,
    "study": _study,
    "search": _packaged("searches", Search.load),
    "recipe": _packaged("recipes", load_stages),
    "task folder": _task,
    "embedding folder": _kit,
    "pickle": _pickle,
    "run folder": _run,
    "archive": _archive,
    "weights": _weights,
    "spec": _spec,
}


def _change_file(file: Path, draw: random.Random) -> None:
    """Change a file's bytes, or what it holds where it is JSON."""
    if file.suffix == ".json" and draw.random() < 0.7:
        file.write_text(json.dumps(changed_value(json.loads(file.read_text()), draw)))
    elif file.suffix == ".csv" and draw.random() < 0.7:
        file.write_text(changed_text(file.read_text(), draw), errors="surrogatepass")
    else:
        file.write_bytes(changed_bytes(file.read_bytes(), draw))


def _checked(command: Attempt, check: Callable[[], object]) -> Attempt:
    """The command, and behind it a check of what it made where it succeeded."""

    def both() -> None:
        try:
            command()
        except SystemExit as end:
            if end.code:
                raise
        check()

    return both


def _finite(file: Path) -> None:
    with np.load(file) as arrays:
        if not all(np.isfinite(arrays[name]).all() for name in ("scene", "timestamp_embeddings") if name in arrays):
            raise AssertionError(f"{file} has values that are not finite")


def campaign(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Attempt `count` bad inputs; a record to be written as JSON.

    Args:
        folder: an empty one, for what is made.
    """
    torch.set_num_threads(1)
    good_ending = attempt(lambda: Good.make(folder / "good"), folder / "log", 300)
    if good_ending.kind != "taken":
        raise ValueError(f"the good inputs were not taken: {good_ending.output[-500:]}")
    good = Good(folder / "good")
    names = [name for name in DOORS for _ in range(MIXED.get(name, 1))]
    counts: dict[str, Counter[str]] = {name: Counter() for name in DOORS}
    wrong, peak = [], 0.0
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        name = draw.choice(names)
        work = folder / "work"
        work.mkdir()
        ending = attempt(DOORS[name](good, work, draw), folder / "log", LIMIT_S)
        counts[name][ending.kind] += 1
        peak = max(peak, ending.peak_mb)
        if ending.kind not in ("taken", "one-line error") or ending.peak_mb > LIMIT_MB:
            wrong.append(_told(number, name, ending))
            click.echo(json.dumps(wrong[-1]))
        shutil.rmtree(work)
    total = sum(counts.values(), Counter())
    by_door = {name: dict(sorted(kinds.items())) for name, kinds in counts.items()}
    return {"seed": seed, "inputs": count, "endings": dict(total), "peak_mb": peak, "by_door": by_door, "wrong": wrong}


def _told(number: int, name: str, ending: Ending) -> dict[str, Any]:
    last = next((line for line in reversed(ending.output.splitlines()) if line.strip()), "")
    memory = round(ending.peak_mb)
    return {"number": number, "door": name, "kind": ending.kind, "peak_mb": memory, "last_line": last[:300]}


main = command_of("bad_inputs", campaign, 900)

if __name__ == "__main__":
    main()
