"""Help texts are whole, and a shell completes names without waiting for torch."""

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.cli.group import COMMANDS
from ablations.models import registry
from ablations.models.baselines import named as named_cnns
from ablations.runs.many import PAPER
from ablations.search.declared import FOLDER
from ablations.study.declaration import packaged
from ablations.terminal import names
from ablations.training.train import RECIPES
from downstream.tasks.packaged import MAKERS
from passt.catalog import named
from results.reference.listing import sets
from results.rows.rows import task_table

NAMES = [name for section in COMMANDS.values() for name in section]
HEAVY = ("torch", "pandas", "matplotlib", "scipy")
COMPLETED = """
import os, sys
words = {words!r}
os.environ.update(_ABLATE_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1))
sys.argv = ["ablate"]
from ablations.start import main
try:
    main()
finally:
    print("loaded", *sorted(set(sys.modules) & set({heavy})), file=sys.stderr)
"""


def commands(command, *words):
    """Every command and group below one, with its words."""
    yield words, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), *words, name)


def completed(words):
    """What a shell offers, and the heavy libraries that were imported for it."""
    code = COMPLETED.format(words=words, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    offered = [line.split(",", 1)[1] for line in done.stdout.splitlines() if "," in line]
    return offered, done.stderr.splitlines()[-1].split()[1:]


def test_every_help_text_is_whole_at_80_columns():
    for words, _ in commands(main):
        result = CliRunner().invoke(main, [*words, "-h"], terminal_width=80, prog_name="ablate")
        assert result.exit_code == 0, words
        lines = result.output.splitlines()
        assert not [line for line in lines if re.fullmatch(r"  \S+  +.*\.\.\.", line)], "a command's line is cut"
        assert max(map(len, lines)) <= 80, words


def test_the_help_says_how_a_shell_completes_names():
    assert '"$(_ABLATE_COMPLETE=bash_source ablate)"' in CliRunner().invoke(main, ["-h"]).output


@pytest.mark.parametrize("name", NAMES)
def test_completion_waits_for_no_heavy_library(name):
    assert completed(f"ablate {name} ")[1] == []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("ablate ru", ["run"]),
        ("ablate run quick", ["quickstart"]),
        ("ablate run pap", ["paper"]),
        ("ablate plan --model crepe_t", ["crepe_tiny"]),
        ("ablate run --task dcase", ["dcase2016_task2"]),
        ("ablate table fig5", ["fig5_receptive_field"]),
        ("ablate search quick", ["quick_search"]),
        ("ablate download 2level-m", ["2level-mel"]),
        ("ablate reference lead", ["leaderboard"]),
        ("ablate run --dry", ["--dry-run"]),
    ],
)
def test_what_is_offered(words, offered):
    assert completed(words) == (offered, [])


def test_runs_and_task_folders_are_offered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in ("runs/mine/rows.csv", "tasks/own/task_metadata.json"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    context = click.Context(main)
    assert list(names.runs(context)) == ["mine"]
    assert "own" in names.tasks(context)


def test_every_known_name_is_offered():
    context = click.Context(main)
    cards = [card for family in registry.families().values() for card in family.cards]
    known = {name for card in cards for name in (card.name, *card.aliases)} | {*named.table(), *named_cnns.table()}
    assert set(names.models(context)) == known
    assert set(names.tasks(context)) == {*MAKERS, *task_table().index}
    assert list(names.studies(context)) == packaged()
    assert set(names.references(context)) == set(sets().index)
    assert {path.stem for path in (*FOLDER.glob("*.yaml"), *RECIPES.glob("*.yaml"))} == {
        *names._files(*names.SEARCHES, *names.RECIPES)(context)
    }
    assert names.PAPER == PAPER
