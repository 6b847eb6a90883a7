"""Bad inputs by the hundred, at every door: mutated audio, lists, YAML, JSON, pickles, archives, weights.

    python -m tests.campaigns.bad_inputs --count 900 --out results/benchmarks/bad_inputs.json

Every attempt is one command in a process of its own. It must either take the input or end in one line that names the
fault. It must not show a traceback, hang, be ended by a signal, end silently or need a gigabyte. If the input is taken,
the output is checked: embeddings are finite, and a written task can be read back.
"""

import json
import pickle
import random
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import yaml

from ablations.benchmarks.record import Record
from ablations.cli import main as ablate
from ablations.search.declared import FOLDER as SEARCHES
from ablations.search.declared import Search
from ablations.study.study import Study
from ablations.system.errors import one_line_errors
from ablations.training.train import RECIPES, load_stages
from downstream.tasks.archive import unpack
from downstream.tasks.task import Task
from passt import EmbeddingSpec
from tests.campaigns.children import RIGHT, Ending, attempt
from tests.campaigns.good import SUFFIXES, Good, made_good
from tests.campaigns.mutations import ODD_TEXTS, changed_bytes, changed_text, changed_value
from tests.campaigns.record import campaign_command, endings_record

LIMIT_S, LIMIT_MB = 30.0, 1000.0
WEIGHTS = {"study": 3, "audio": 4, "list": 3}
"""How often a door is drawn, for those that are drawn more often than once."""

Attempt = Callable[[], None]


def _ablate(*arguments: Any) -> Attempt:
    return lambda: ablate([str(argument) for argument in arguments])


def _reading(function: Callable[[], object]) -> Attempt:
    """Return a function as a command whose errors are one line."""
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


def _packaged(folder: Path, load: Callable[[Path], object]) -> Callable[[Good, Path, random.Random], Attempt]:
    """Make a door for changed copies of packaged YAML."""

    def door(good: Good, work: Path, draw: random.Random) -> Attempt:
        bases = sorted(folder.glob("*.yaml"))
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
        value = [value, value]  # the same list twice: the pickle stays small, the value doubles
    file = draw.choice(sorted(folder.glob("*.pkl")))
    file.write_bytes(pickle.dumps(value))
    return _ablate("probe", folder, "--protocol", "hear2021+grid1+linear")


DOORS: Mapping[str, Callable[[Good, Path, random.Random], Attempt]] = {
    "audio": _audio,
    "list": _list,
    "study": _study,
    "search": _packaged(SEARCHES, Search.load),
    "recipe": _packaged(RECIPES, load_stages),
    "task folder": _task,
    "embedding folder": _kit,
    "pickle": _pickle,
    "run folder": _run,
    "archive": _archive,
    "weights": _weights,
    "spec": _spec,
}


def _change_file(file: Path, draw: random.Random) -> None:
    """Change a file's bytes, or its content if it is JSON or CSV."""
    if file.suffix == ".json" and draw.random() < 0.7:
        file.write_text(json.dumps(changed_value(json.loads(file.read_text()), draw)))
    elif file.suffix == ".csv" and draw.random() < 0.7:
        file.write_text(changed_text(file.read_text(), draw), errors="surrogatepass")
    else:
        file.write_bytes(changed_bytes(file.read_bytes(), draw))


def _checked(command: Attempt, check: Callable[[], object]) -> Attempt:
    """Return the command followed by a check of its output if it succeeded."""

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


def campaign(work: Path, count: int, seed: int) -> Record:
    """Attempt bad inputs at every door: mutated audio, lists, YAML, JSON, pickles, archives, weights.

    Args:
        work: an empty folder.
        count: attempts.
        seed: of doors and changes.
    """
    good = made_good(work)
    names = [name for name in DOORS for _ in range(WEIGHTS.get(name, 1))]
    counts: dict[str, Counter[str]] = {name: Counter() for name in DOORS}
    wrong, peak_mb = [], 0.0
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        name, place = draw.choice(names), work / "work"
        place.mkdir()
        ending = attempt(DOORS[name](good, place, draw), work / "log", LIMIT_S)
        counts[name][ending.kind] += 1
        peak_mb = max(peak_mb, ending.peak_mb)
        if ending.kind not in RIGHT or ending.peak_mb > LIMIT_MB:
            wrong.append(_wrong(number, name, ending))
            click.echo(json.dumps(wrong[-1]))
        shutil.rmtree(place)
    facts = {"seed": seed, "inputs": count, "endings": dict(sum(counts.values(), Counter())), "peak_mb": peak_mb}
    facts["by_door"] = {name: dict(sorted(kinds.items())) for name, kinds in counts.items()}
    return endings_record(f"{count} bad inputs, each a command in a process of its own", "door", counts, facts, wrong)


def _wrong(number: int, door: str, ending: Ending) -> dict[str, Any]:
    last = next((line for line in reversed(ending.output.splitlines()) if line.strip()), "")
    peak_mb = round(ending.peak_mb)
    return {"number": number, "door": door, "kind": ending.kind, "peak_mb": peak_mb, "last_line": last[:300]}


main = campaign_command(campaign, "bad_inputs", 900)

if __name__ == "__main__":
    main()
