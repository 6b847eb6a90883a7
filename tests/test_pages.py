"""Documents are short, their links lead somewhere, and they show every command."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ablations.cli import main
from ablations.study.study import Study
from results.figures import FIGURES, PAPER
from tests.test_readme import DOCUMENTS, README, ROOT, commands

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
SECURITY = ROOT / "SECURITY.md"
LINKED = [*DOCUMENTS, ROOT / "ARCHITECTURE.md", SECURITY]
LINES = {README: 130} | dict.fromkeys(PAGES, 140)
WORDS = {README: 1500} | dict.fromkeys(PAGES, 1100)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [README, *PAGES], ids=name_of)
def test_a_page_is_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LINES[path]
    assert len(text.split()) <= WORDS[path]


def test_every_page_is_in_the_index():
    assert set(re.findall(r"\]\((\w[\w-]*\.md)\)", (DOCS / "README.md").read_text())) == {
        page.name for page in PAGES if page.name != "README.md"
    }


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    """The links of a document that lead to no file, or to no heading of one."""
    text = path.read_text()
    broken = []
    for link in re.findall(r"\]\(([^)]+)\)", text) + re.findall(r'src="([^"]+)"', text):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target) if target else path
        if not file.exists() or (anchor and anchor not in anchors(file.read_text())):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", LINKED, ids=name_of)
def test_links_lead_to_files_and_headings(path):
    assert not broken_links(path)


def unheld(path: Path) -> list[str]:
    """The rows of a page's tables that link neither a test nor a committed output."""
    rows = re.findall(r"^\| (?!claim \||what \|)(.*) \|$", path.read_text(), flags=re.MULTILINE)
    files = [
        [(path.parent / link.partition("#")[0]).resolve() for link in re.findall(r"\]\(([^)]+)\)", row)] for row in rows
    ]
    kept = (ROOT / "tests", ROOT / "results")
    return [
        row
        for row, links in zip(rows, files, strict=True)
        if not any(link.is_relative_to(folder) for link in links for folder in kept)
    ]


@pytest.mark.parametrize("path", [DOCS / "checked.md", SECURITY], ids=name_of)
def test_every_claim_names_what_holds_it(path):
    assert "|---|" in path.read_text()
    assert not unheld(path)


def test_a_claim_that_nothing_holds_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("| claim | held by |\n|---|---|\n| it is fast | [a page](other.md) |\n")
    assert unheld(page) == ["it is fast | [a page](other.md)"]


def test_broken_links_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A *title*, with: signs\n[a](#a-title-with-signs) [b](#other) [c](none.md) [d](https://x.org)")
    assert broken_links(page) == ["#other", "none.md"]


def leaves(command: click.Command, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with its words."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for child in command.list_commands(context):
        found = command.get_command(context, child)
        assert found is not None
        yield from leaves(found, (*name, child))


def options(command: click.Command) -> set[str]:
    """The names of a command's options."""
    return {text for one in command.params if isinstance(one, click.Option) for text in one.opts} - {"-h", "--help"}


def shown(paths: list[Path]) -> list[list[str]]:
    """The words behind `ablate` of every command of documents."""
    return [words[1:] for path in paths for words in commands(path.read_text()) if words[0] == "ablate"]


def test_the_readme_has_a_row_for_every_command():
    rows = re.findall(r"^\| `ablate (\w+)[^`]*` \| (.+) \|$", README.read_text(), flags=re.MULTILINE)
    context = click.Context(main)
    assert {name for name, _ in rows} == set(main.list_commands(context))
    assert all(len(re.sub(r"\]\([^)]*\)", "", sentence)) < 100 for _, sentence in rows)


@pytest.mark.parametrize(("name", "command"), [pytest.param(*leaf, id=" ".join(leaf[0])) for leaf in leaves(main)])
def test_a_page_shows_every_command_with_an_option(name, command):
    """Pages beside the README show each command, and at least one of its options if it has any."""
    lines = shown([path for path in DOCUMENTS if path != README])
    uses = [line[len(name) :] for line in lines if tuple(line[: len(name)]) == name]
    assert uses, f"no page shows `ablate {' '.join(name)}`"
    known = options(command)
    assert not known or any(word.partition("=")[0] in known for words in uses for word in words)


def mentioned(text: str, option: str) -> bool:
    return re.search(rf"(?<![\w-]){option}(?![\w-])", text) is not None


COMMON = {"--runs", "--store", "--device", "--seed", "--csv", "--json"}
"""Options whose help says everything."""


@pytest.mark.parametrize("name", ["run", "table", "figure", "prepare", "download"])
def test_options_of_what_is_typed_most_are_in_the_documents(name):
    text = "\n".join(path.read_text() for path in [README, *PAGES])
    command = main.get_command(click.Context(main), name)
    assert command is not None
    missing = [option for option in options(command) - COMMON if not mentioned(text, option)]
    assert not missing


def test_every_key_of_a_study_and_every_figure_is_in_the_documents():
    keys = {field.name for field in dataclasses.fields(Study)} - {"name", "folder", "content"}
    assert not [key for key in keys if f"`{key}`" not in (DOCS / "studies.md").read_text()]
    kinds = set(FIGURES) - set(PAPER)
    assert not [kind for kind in kinds if f"`{kind}`" not in (DOCS / "tables.md").read_text()]
