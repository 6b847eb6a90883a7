"""The arrows of the architecture: three leaves that never import one another, one root that imports them, and rooms.

A package is rooms: a folder, or a file beside the folders. `ROOMS` names each with the rooms of its package that it may
import. Arrows only go to rooms that stand above in the table, so that there is no circle.
"""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "passt": {"downstream", "results", "ablations"},
    "downstream": {"passt", "results", "ablations"},
    "results": {"passt", "downstream", "ablations", "torch"},
    "ablations": {"tests"},
}

ROOMS = {
    "passt": {
        "tokens": "",
        "catalog": "tokens",
        "devices": "",
        "fetch": "",
        "network": "catalog devices tokens",
        "windows": "catalog devices tokens",
        "training.data": "windows",
        "weights": "catalog fetch network",
        "windowed": "catalog devices tokens windows",
        "complexity": "catalog network weights",
        "embedder": "catalog devices network weights windowed windows",
        "training.declared": "catalog network training.data",
        "__init__": "catalog embedder",
        "hear": "embedder",
        "training.folder": "fetch training.declared weights",
        "training": "catalog devices fetch network training.data training.declared training.folder weights windows",
    },
    "downstream": {
        "__init__": "",
        "disk": "",
        "embedder": "",
        "lookahead": "embedder",
        "notices": "",
        "pooling": "",
        "progress": "",
        "sound": "disk notices",
        "tasks.conditions": "disk",
        "tasks": "disk notices progress sound tasks.conditions",
        "events": "disk tasks",
        "store": "disk embedder notices tasks",
        "extract": "disk embedder progress store tasks",
        "probes.packing": "",
        "probes": "disk events pooling probes.packing tasks",
        "solvers": "notices",
        "splits": "embedder events probes store tasks",
        "watching": "probes tasks",
        "scaling": "probes",
        "trained": "disk events pooling probes scaling solvers tasks",
        "fold_data": "pooling probes scaling solvers splits tasks trained",
        "fold_result": "events probes splits tasks trained",
        "scores": "disk events splits tasks",
        "checks": "events probes scores splits tasks",
        "solve": "checks disk fold_data fold_result pooling probes scores solvers splits tasks trained",
        "evaluate": "checks events fold_data fold_result pooling probes progress scores solve splits tasks trained "
        "watching",
        "kit": "disk evaluate fold_result probes progress scores splits tasks",
    },
    "results": {
        "rows": "",
        "reference": "rows",
        "scores": "reference rows",
        "load": "reference rows scores",
        "statistics": "reference rows scores",
        "tables": "reference rows scores",
        "protocols": "load rows scores statistics tables",
        "figures.canvas": "reference rows scores tables",
        "figures.protocols": "figures.canvas scores",
        "figures.maps": "figures.canvas scores tables",
        "figures": "figures.canvas figures.maps reference rows scores tables",
        "__init__": "figures load scores statistics tables",
    },
    "ablations": {
        "__init__": "",
        "benchmarks.peers": "",
        "inputs": "",
        "models.baselines": "",
        "store": "",
        "system": "",
        "tasks": "",
        "training.corpus.synthesis": "",
        "models.hear_modules": "system",
        "tasks.prepare": "inputs",
        "training.corpus.kinds": "training.corpus.synthesis",
        "models.objects": "models.hear_modules",
        "models.hf": "",
        "models": "models.baselines models.hear_modules models.hf models.objects",
        "tasks.examples": "system tasks.prepare",
        "training.corpus": "training.corpus.kinds training.corpus.synthesis",
        "embedding": "inputs models system",
        "study": "inputs models models.hear_modules",
        "training": "inputs models models.baselines system training.corpus",
        "report": "models study",
        "terminal": "study",
        "units": "models study system tasks",
        "engines": "models study system units",
        "kit": "models system tasks units",
        "benchmarks": "kit models models.baselines models.hear_modules models.hf system terminal",
        "benchmarks.gpu.steps": "benchmarks models models.baselines system",
        "benchmarks.gpu": "benchmarks benchmarks.gpu.steps system terminal",
        "engines.ray": "engines system units",
        "runs": "engines models study system units",
        "prediction": "embedding models study system units",
        "representation": "engines runs study system tasks units",
        "receptive_field": "models study system tasks units",
        "search": "inputs models runs study system tasks units",
        "submit": "report representation runs study system units",
        "door": "embedding engines models models.hear_modules models.objects receptive_field report runs study system "
        "tasks terminal units",
        "cli.running": "engines report runs study system terminal units",
        "cli.results": "report representation runs study submit system terminal units",
        "cli": "cli.running embedding engines inputs kit models prediction receptive_field runs search store study "
        "system tasks tasks.examples tasks.prepare terminal training units",
        "start": "cli system",
    },
}
LARGEST = 15
"""Files of a room, at most, `__init__.py` apart."""


def modules() -> dict[str, Path]:
    """Every module of the four packages by its dotted name."""
    paths = [path for package in ROOMS for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def room_of(path: Path) -> tuple[str, str]:
    """The package and the room of a file: its folder, or its own name where it lies beside the rooms."""
    package, *folders = path.relative_to(ROOT).parts[:-1]
    return package, ".".join(folders) or path.stem


def test_every_file_is_in_a_room():
    outside = {str(path) for path in modules().values() if room_of(path)[1] not in ROOMS[room_of(path)[0]]}
    assert not outside


def test_arrows_between_rooms():
    everything = modules()
    arrows = {
        (room_of(path), room_of(everything[other]))
        for path in everything.values()
        for other in _imports(path, everything)
        if room_of(path)[0] == room_of(everything[other])[0] and room_of(path) != room_of(everything[other])
    }
    named = {
        ((package, room), (package, other))
        for package, rooms in ROOMS.items()
        for room, others in rooms.items()
        for other in others.split()
    }
    assert arrows == named


@pytest.mark.parametrize("package", ROOMS)
def test_arrows_go_up_the_table(package):
    order = list(ROOMS[package])
    for room, others in ROOMS[package].items():
        assert all(order.index(other) < order.index(room) for other in others.split()), room


def test_rooms_are_small():
    files = Counter(".".join(room_of(path)) for path in modules().values() if path.stem != "__init__")
    assert not {room for room, count in files.items() if count > LARGEST}


def test_a_room_says_what_it_is_for():
    silent = [
        str(path)
        for path in modules().values()
        if path.stem == "__init__" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


def imported(path: Path) -> set[str]:
    """The top-level names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_follow_the_arrows(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = {str(f.relative_to(ROOT)): sorted(bad) for f in files if (bad := imported(f) & FORBIDDEN[package])}
    assert not wrong


def test_the_check_sees_imports_inside_functions(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("def f():\n    from passt.catalog.spec import EmbeddingSpec\n    import torch.nn\n")
    assert imported(path) == {"passt", "torch"}


def test_no_cycles_between_modules():
    everything = modules()
    graph = {name: _imports(path, everything) - {name} for name, path in everything.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"cycle: {' -> '.join((*trail, name))}"
        if name not in done:
            for following in sorted(graph[name]):
                visit(following, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def _imports(path: Path, modules: dict[str, Path]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name in modules and name not in FORBIDDEN}


def test_every_module_can_be_imported_without_flock():
    """Where there is no `fcntl`, only what needs a lock fails."""
    names = (
        "passt.fetch.download",
        "downstream.disk.locks",
        "results",
        "ablations.tasks.prepare.folder",
        "ablations.search.storage",
    )
    code = f"import sys, importlib; sys.modules['fcntl'] = None; [importlib.import_module(n) for n in {names}]"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
