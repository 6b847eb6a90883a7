"""The page of a run: everything that is known of its folder, put into the template beside this file."""

import re
from datetime import UTC, datetime
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from ablations.report import charts
from ablations.report.part import part
from downstream.disk.files import write_atomically


def page(folder: str | Path) -> str:
    """Make the page of a run's folder, or of all runs that lie in a folder.

    Raises:
        FileNotFoundError: neither it nor a folder in it has rows.
        ValueError: files that are not a run's.
    """
    folders = runs_in(Path(folder))
    parts = [part(run, f"run-{number}") for number, run in enumerate(folders)]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"code": _code, "breakable": _breakable}
    title = parts[0].title if len(parts) == 1 else f"{len(parts)} runs"
    drawn = any(section.charts for one in parts for section in one.sections)
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    runtime = charts.runtime() if drawn else ""
    return environment.get_template("page.html.j2").render(title=title, parts=parts, made=made, runtime=runtime)


def _code(text: str) -> Markup:
    """Escape a text; what is between backticks becomes code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _breakable(text: str) -> Markup:
    """Escape a text, which may go on in the next line after an underscore."""
    return Markup(str(escape(text)).replace("_", "_<wbr>"))


def write_page(folder: str | Path, out: Path) -> Path:
    """Write `page` as a file, complete or absent."""
    text = page(folder).encode("utf-8")
    write_atomically(out, lambda file: file.write(text))
    return out


def runs_in(folder: Path) -> list[Path]:
    """Find the runs: the folder itself if it has rows, else the folders in it that do, by name.

    Raises:
        FileNotFoundError: there are none.
    """
    if (folder / "rows.csv").is_file():
        return [folder]
    runs = sorted(path.parent for path in folder.glob("*/rows.csv"))
    if not runs:
        raise FileNotFoundError(f"no rows in {folder} or a folder in it; expected a run, such as runs/<study>")
    return runs
