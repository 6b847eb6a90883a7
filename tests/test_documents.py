"""Numbers in documents come from committed outputs: each section links the files that its decimals are read from."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ablations.models.baselines import named as named_cnns
from ablations.training.corpus import vocabulary
from results.reference.published import published

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "passt/catalog/demo_weights/README.md",
    "results/README.md",
    "results/benchmarks/README.md",
    "results/runs/examples/README.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
)
OUTPUTS = (".csv", ".json", ".md")
NUMBER = r"(?<![\w.])[+-]?\d*\.\d+(?![\w.]|-\w)"
SIGNED = r"(?<![\w.])[+-]\d*\.\d+"


def sections(text: str) -> list[str]:
    """The parts of a document between its headings, without its blocks of code."""
    return re.split(r"^#+ ", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), flags=re.MULTILINE)


def sources(section: str, folder: Path) -> list[Path]:
    """The committed outputs that a section links; of a folder the outputs in it."""
    linked = [folder / target for target in re.findall(r"\]\(([^)#:]+)\)", section)]
    files = [file for path in linked for file in (path.iterdir() if path.is_dir() else [path])]
    return [file for file in files if file.suffix in OUTPUTS and file.name != "README.md"]


def prose(section: str) -> str:
    """A section without code and addresses."""
    return re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "", section))


def untraced(section: str, folder: Path) -> list[str]:
    """The decimals and intervals of a section that are in none of its sources."""
    texts = [file.read_text(encoding="utf-8") for file in sources(section, folder)]
    known = [abs(float(number)) for text in texts for number in re.findall(r"[+-]?\d+\.?\d*(?:e-?\d+)?", text)]
    body = prose(section)
    intervals = re.findall(r"\[[+-]?\d?\.\d+, [+-]?\d?\.\d+\]", body)
    missing = [interval for interval in intervals if not any(interval in text for text in texts)]
    for number in re.findall(NUMBER, body):
        digits = len(number.partition(".")[2])
        value = abs(float(number))
        if not any(abs(value - other) <= 0.5 * 10**-digits + 1e-12 for other in known):
            missing.append(number)
    return missing


@pytest.mark.parametrize("name", DOCUMENTS)
def test_decimals_and_intervals_are_those_of_linked_outputs(name):
    path = ROOT / name
    missing = {
        section.partition("\n")[0]: found
        for section in sections(path.read_text(encoding="utf-8"))
        if (found := untraced(section, path.parent))
    }
    assert not missing, f"{name}: not in the outputs that the section links: {missing}"


def test_a_changed_digit_is_seen(tmp_path):
    (tmp_path / "table.md").write_text("| a | 0.714 ± 0.020 | [+0.101, +0.302] |")
    assert untraced("[table](table.md): 0.714, [+0.101, +0.302]", tmp_path) == []
    assert untraced("[table](table.md): 0.715, [+0.101, +0.303]", tmp_path) == ["[+0.101, +0.303]", "0.715", "+0.303"]
    assert untraced("no table: 0.714", tmp_path) == ["0.714"]


def scattered(section: str, folder: Path) -> list[str]:
    """The table rows with an interval or a signed difference whose decimals are not on one line of a source."""
    lines = [line for file in sources(section, folder) for line in file.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in re.findall(r"^\|.*\|$", prose(section), flags=re.MULTILINE) if re.search(SIGNED, row)]
    return [row for row in rows if not any(all(number in line for number in re.findall(NUMBER, row)) for line in lines)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_comparison_is_one_line_of_its_output(name):
    path = ROOT / name
    assert not [
        row for section in sections(path.read_text(encoding="utf-8")) for row in scattered(section, path.parent)
    ]


def test_exchanged_numbers_are_seen(tmp_path):
    (tmp_path / "compare.md").write_text("| a | 0.714 | 0.613 | +0.101 |\n| b | 0.814 | 0.602 | +0.212 |")
    link = "[comparison](compare.md)\n\n"
    assert scattered(f"{link}| a | 0.714 | 0.613 | +0.101 |", tmp_path) == []
    assert scattered(f"{link}| a | 0.814 | 0.613 | +0.101 |", tmp_path)
    assert scattered(f"{link}| a | 0.714 | 0.613 | +0.212 |", tmp_path)


COUNTS: dict[str, Callable[[], int]] = {
    r"(\d+) kinds": lambda: len(vocabulary.KINDS),
    r"(\d+) labels \(\d+ notes": lambda: len(vocabulary.LABELS),
    r"The (\d+) configurations": lambda: len(named_cnns.table()),
    r"(\d+) of them \(pooling": lambda: sum(bool(row.unsupported) for row in named_cnns.table().values()),
    r"leaderboard \((\d+) models\)": lambda: published(["leaderboard"])["model"].nunique(),
}


@pytest.mark.parametrize("pattern", COUNTS)
def test_counts_are_those_of_the_code(pattern):
    found = [
        (name, int(count))
        for name in DOCUMENTS
        for count in re.findall(pattern, (ROOT / name).read_text(encoding="utf-8"))
    ]
    assert found
    assert {count for _, count in found} == {COUNTS[pattern]()}, found


def test_the_page_of_what_is_established_has_each_established_difference_and_no_other():
    tables = [ROOT / "results" / "runs" / study / "compare.md" for study in ("headline", "headline_events")]
    lines = [line for table in tables for line in table.read_text(encoding="utf-8").splitlines()]
    interval = r"\[[+-]\d\.\d+, [+-]\d\.\d+\]"
    established = {re.findall(interval, line)[0] for line in lines if re.fullmatch(r"\|.*\| differ +\|", line)}
    page = (ROOT / "docs" / "established.md").read_text(encoding="utf-8")
    assert set(re.findall(interval, page)) == established != set()
