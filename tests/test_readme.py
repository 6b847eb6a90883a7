"""Every command and Python snippet of the documents runs on small data, or says in one line why it can't.

Commands are taken from the text: fenced blocks of shell lines, and code within sentences that begins with a program.
Blocks of the language `text` are output. A block whose first line is a file's name, as `# mymodel.py`, is that file.
Each command is run in the folder of `make_world`, without a network; an unknown option or command, a traceback, or an
error for another reason than those of `UNAVAILABLE` is a failure. A command that takes long stands in `LONG`: it is
parsed, not run. A program that is not this project's stands in `ELSEWHERE`.
"""

import ast
import functools
import importlib
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import results
from ablations.cli import main
from ablations.cli.running.asked import Asked
from ablations.search.declared import Search
from ablations.study.study import Study
from ablations.training.train import load_stages
from downstream.store.store import default_root
from downstream.tasks import packaged
from tests.readme_world import MAKERS, ROOT, fences, file_name, make_world, yaml_blocks

README = ROOT / "README.md"
FOLDERS = ("passt", "downstream", "results", "ablations", "docs")
DOCUMENTS = [README, *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.md")))]

LONG = {
    "benchmark": "measures for minutes",
    "curve": "runs many protocols",
    "protocols": "runs many protocols",
    "search": "runs many trials",
    "field": "measures for a minute; tests/ablations/receptive_field runs it",
    "train": "trains for hours",
    "run": "embeds and trains probes for minutes; only studies and modules that documents show are run",
    "--compress": "trains probes of every form of an embedding",
    "--workers": "starts Ray",
    "--ray": "starts Ray",
}
"""Commands that are parsed and not run, by a word of theirs, with the reason."""
OWN_MODELS = {"hear:mymodel", "hf:./mine"}
"""The module that a document shows, and the encoder in a folder; runs of their default levels are small."""
DECLARATIONS = {"search": Search.load, "train": load_stages}
"""What reads the first argument of a command that is not run, beside the studies of `ablate run`."""
ELSEWHERE = {
    "pip": "installs",
    "apt-get": "installs",
    "git": "fetches the repository",
    "cd": "is the shell's",
    "export": "is the shell's",
    "source": "is the shell's",
    "torchrun": "starts a training in several processes",
    "sbatch": "tests/ablations/engines/test_slurm.py submits it to stubs",
    "jupyter": "tests/test_notebooks.py runs the notebooks",
    ".kit/bin/python": "tests/ablations/kit/test_runner.py runs it, in the environment that `make kit` makes",
    "heareval.embeddings.runner": "hear-eval-kit is in the environment that `make kit` makes",
    "tests.pretended_cuda.counts": "tests/pretended_cuda/test_counts.py counts the same",
    "pytest": "is this",
}
"""Programs and modules that are not run, with the reason."""
PROGRAMS = ("ablate", "python", "make", *ELSEWHERE)
PLACEHOLDERS = {
    "STUDY": "windows",
    "A": "crepe_tiny",
    "B": "logmel",
    "SEARCH.yaml": "quick_search",
    "hf:./FOLDER": "hf:./mine",  # before the word alone
    "FOLDER": "folder",
    "TASKS": "tasks",
    "OUT": "kit_folders",
    "CLIPS": "clips",
    "ARCHIVE": "esc10.zip",
    "PYTHON": sys.executable,
    "NAME": "passt_demo",
    "FIRST": "runs/first",
    "FILE": "a.wav",
    "CHECKOUT": "folder",
}
"""What stands in a document for what a reader puts there."""
UNAVAILABLE = (
    r"\$PASST_OFFLINE is set",  # weights and tasks are not fetched
    r"`make kit` makes",  # hear-eval-kit
    r"fluid",  # fluidsynth and its soundfont
    r"no such interpreter|no interpreter",  # of a HEAR module
    r"could not be fetched",
    r", so no (row|file)$",  # runs of small tasks, which are not whole tasks of HEAR by its protocol
    r"is there already; remove it",  # a command before made it
)
"""Why a command may end in an error of one line: it wants what can't be had here."""


def name_of(path: Path) -> str:
    """A document's path below the root, as the name of a test."""
    return str(path.relative_to(ROOT))


def sentences(text: str) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def inline(text: str) -> list[str]:
    """Code within sentences, in one line each."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", sentences(text))]


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command of a document."""
    lines = []
    for block in fences(text, "", "sh", "bash", "shell", "console"):
        whole = block.replace("\\\n", " ").splitlines()
        typed = [line for line in whole if line.startswith("$ ")]  # where there are prompts, the rest is output
        lines += typed or whole
    for code in inline(text):
        if code.split()[0] in PROGRAMS and " " in code:
            lines.append(f"{code} --help" if re.fullmatch(r"ablate \w+", code) else code)  # a sentence names a command
    for line in dict.fromkeys(lines):
        words: list[str] = []
        for word in [*shlex.split(line.removeprefix("$ "), comments=True), "&&"]:
            if word not in ("&&", ";", "|"):
                words.append(word)
            else:
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    del words[0]
                if words:
                    yield words
                words = []


def filled(word: str) -> list[str]:
    """A word as a shell gives it, with something in the place of what a reader puts there."""
    for name, value in PLACEHOLDERS.items():
        word = re.sub(rf"(?<![A-Za-z0-9_-]){re.escape(name)}(?![A-Za-z0-9-])(?=_|\b)", value, word)
    word = os.path.expandvars(word)
    if word.startswith("~"):
        word = str(Path(word).expanduser())
    pattern = Path(word).absolute()
    is_glob = "*" in word and word != "*"  # which stands in quotes
    files = sorted(map(str, Path("/").glob(str(pattern.relative_to("/"))))) if is_glob else []
    return files or [word]


@functools.cache
def complaint(typed: tuple[str, ...]) -> str | None:
    """Run a command, or parse it where it takes long, once; what is wrong with it, None where nothing is."""
    program, *arguments = typed
    if program == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        asked = [word for word in arguments if "=" not in word]  # the others set variables
        return next((f"the Makefile has no target {word}" for word in asked if word not in targets), None)
    if program == "python" and arguments[:1] == ["-m"]:
        program, arguments = arguments[1], arguments[2:]
    if program in ELSEWHERE:
        return None
    if program.startswith("tests.campaigns."):
        words = [word for part in arguments for word in filled(part)]
        return parsed(importlib.import_module(program).main, program, words)
    if program != "ablate":
        return f"unknown program {program}: name it in ELSEWHERE, with the reason"
    return of_ablations(main, arguments)


def of_ablations(command: click.Command, words: list[str]) -> str | None:
    """The complaint about a command of this project."""
    words = [word for part in words for word in filled(part)]
    leaf, name, rest = command, "", words
    while isinstance(leaf, click.Group) and rest and rest != ["--help"]:
        name, *rest = rest
        found = leaf.get_command(click.Context(leaf), name)
        if found is None:
            return f"no command {name}"
        leaf = found
    if {"--help", "...", "…"} & set(rest):  # a command's name
        return None
    long = LONG.keys() & set(words)
    is_small = rest and (Path(rest[0]).is_file() or (OWN_MODELS & set(rest) and "--levels" not in rest))
    if long and not (long == {"run"} and is_small):
        return parsed(leaf, name, rest)
    done = CliRunner().invoke(command, words)
    return None if done.exit_code == 0 else why_it_failed(done)


def parsed(command: click.Command, name: str, words: list[str]) -> str | None:
    """The complaint about a command that is not run: about its options, or what it would read first."""
    try:
        values = command.make_context(name, list(words)).params
        if name == "run":
            Asked.of(values).studies(Path("runs"))
        elif name in DECLARATIONS:
            DECLARATIONS[name](values[next(one.name for one in command.params if isinstance(one, click.Argument))])
    except (click.ClickException, ValueError, OSError) as error:
        return str(error)
    return None


def why_it_failed(done: Result) -> str | None:
    """The complaint about a command that ended in an error; None where it could not be had otherwise."""
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return "".join(traceback.format_exception(done.exception))
    errors = [line for line in done.output.splitlines() if re.match("(Error|Failed): ", line)]
    if done.exit_code == 1 and errors and all(re.search("|".join(UNAVAILABLE), line) for line in errors):
        return None
    return f"exit status {done.exit_code}: {done.output[-1000:]}"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The folder of `make_world`, with the settings of a user who has no network."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        _settings(patch, folder)
        make_world(folder, [path.read_text() for path in DOCUMENTS])
    return folder


@pytest.fixture
def in_world(world, monkeypatch):
    _settings(monkeypatch, world)
    return world


def _settings(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.chdir(folder)
    for name in ("PASST_WEIGHTS", "ABLATE_STORE", "HEAR_TASKS"):
        patch.delenv(name, raising=False)
    for name, value in (("HOME", folder), ("XDG_CACHE_HOME", folder / ".cache"), ("PASST_OFFLINE", 1)):
        patch.setenv(name, str(value))
    for name, maker in MAKERS.items():
        patch.setitem(packaged.MAKERS, name, maker)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_run(path, in_world):
    complaints = {shlex.join(words): complaint(tuple(words)) for words in commands(path.read_text())}
    assert not [f"{command}: {what}" for command, what in complaints.items() if what]


def test_the_readme_is_read():
    """The commands are seen: a test of none would pass as well."""
    seen = [words for words in commands(README.read_text()) if words[0] == "ablate"]
    assert {words[1] for words in seen} >= {"run", "table", "compare", "embed", "prepare", "download", "store"}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("ablate tabel windows", "no command tabel"),
        ("ablate table windows --averages paper", "No such option"),
        ("ablate run quickstart --worker 4", "No such option"),
        ("ablate table nowhere", "exit status 1"),
        ("ablate benchmark models --fast", "No such option"),
        ("make dinner", "no target dinner"),
        ("cook dinner", "unknown program cook"),
    ],
)
def test_wrong_commands_are_seen(in_world, line, what):
    assert what in complaint(tuple(shlex.split(line)))


def test_an_encoder_runs_from_a_folder(in_world):
    line = "ablate run --model hf:./FOLDER --task digits"
    assert line in (ROOT / "docs" / "transformers.md").read_text().splitlines()
    assert complaint.__wrapped__(tuple(shlex.split(line))) is None
    runs = [run for run in (in_world / "runs").iterdir() if "mine" in run.name and (run / "table.md").is_file()]
    assert len(runs) == 1
    assert set(results.load(runs[0])["spec"]) == {"hf:./mine@features@wown@smax@t50@published"}


@pytest.mark.parametrize(("key", "declared"), [("models", Study), ("space", Search)])
def test_studies_and_searches_are_read(key, declared):
    blocks = [content for path in DOCUMENTS for content in yaml_blocks(path.read_text(), key)]
    assert blocks
    assert all(declared.from_dict(content).tasks for content in blocks)


def snippets(text: str) -> list[str]:
    """The Python blocks of a document that are no files."""
    return [code for code in fences(text, "python") if file_name(code) is None]


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if snippets(path.read_text())], ids=name_of)
def test_python_runs(path, in_world, capsys):
    """Blocks run as they stand, one after the other; shapes in comments, as `# (4, 384)`, are those of the values."""
    names: dict = {}
    for code in snippets(path.read_text()):
        exec(compile(code, path.name, "exec"), names)
        for left, comment in re.findall(r"^(\w+(?:, \w+)*) = [^#\n]*# ([^\n]*)$", code, flags=re.MULTILINE):
            shapes = re.findall(r"\(\d+,[\d, ]*\)", comment)
            for name, shape in zip(left.split(", "), shapes, strict=False):
                assert tuple(names[name].shape) == ast.literal_eval(shape), name


def calls(text: str) -> list[str]:
    """Calls of the packages within sentences, with their arguments."""
    call = re.compile(r"(results|passt|downstream|ablations|pandas)(\.\w+)+\(.*\)")
    return [code for code in inline(text) if call.fullmatch(code)]


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if calls(path.read_text())], ids=name_of)
def test_calls_within_sentences_run(path, in_world):
    names = {"Study": Study, "default_root": default_root, "rows": results.load("runs/quickstart")}
    for code in calls(path.read_text()):
        package, *parts = code.split("(")[0].split(".")
        for depth in range(len(parts)):
            importlib.import_module(".".join([package, *parts[:depth]]))
        eval(code, {**names, package: importlib.import_module(package)})
