"""The group ablate: every command is there, and asking for help imports none."""

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.cli.group import COMMANDS

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "sklearn", "matplotlib", "pandas", "numpy", "scipy", "optuna")
LOADED = """
import sys
from ablations.cli import main
try:
    main({arguments})
finally:
    print("loaded", *sorted(set(sys.modules) & set({heavy})), file=sys.stderr)
"""


def loaded(*arguments: str) -> list[str]:
    """Which heavy libraries a command imports, in a process of its own."""
    code = LOADED.format(arguments=list(arguments), heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stderr.splitlines()[-1].split()[1:]


@pytest.mark.parametrize(("section", "name"), [(section, name) for section in COMMANDS for name in COMMANDS[section]])
def test_every_command_is_there(section, name):
    command = main.get_command(None, name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert COMMANDS[section][name][1].endswith(".")


def test_an_unknown_command():
    assert main.get_command(None, "nothing") is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rum"], "Error: no command 'rum' (did you mean 'run'?)"),
        (["studys"], "Error: no command 'studys' (did you mean 'studies'"),
        (["store", "list"], "Error: no command 'list' (did you mean 'ls'?); expected one of check, ls, prune"),
        (["benchmark", "probe"], "Error: no command 'probe' (did you mean 'probes'?); expected one of complexity, "),
    ],
)
def test_an_unknown_command_is_answered_with_the_closest_ones(words, message):
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith(message)


def test_help_imports_nothing_heavy():
    assert loaded("--help") == []


def test_a_table_imports_no_torch(tmp_path):
    shutil.copytree(ROOT / "results" / "runs" / "quickstart", tmp_path / "quickstart")
    assert not set(loaded("table", str(tmp_path / "quickstart"))) & {"torch", "sklearn", "matplotlib", "optuna"}
    assert (tmp_path / "quickstart" / "table.csv").is_file()


def test_help_fits_a_terminal_of_80_columns():
    lines = CliRunner().invoke(main, ["--help"], terminal_width=80).output.splitlines()
    for section in COMMANDS.values():
        for name, (_, line) in section.items():
            assert any(shown.split() == [name, *line.split()] for shown in lines), f"the help of {name} is too long"
