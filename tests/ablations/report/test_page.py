"""The page of a run: read as a browser reads it."""

import base64
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.report import facts
from ablations.report.page import page as page_of
from ablations.report.page import write_page
from ablations.report.sheets import of_table
from results.reference.published import published
from results.rows import rows
from results.scores.records import RecordedCall, RecordedFailure, RecordedModel, RunRecord, write_record
from results.tables.formats import Table
from tests.results.scores.test_beside import measured

EVIL = "<script>alert('x')</script> & \"b\""
VOID = {"meta", "br", "img", "link", "wbr"}
ADDRESS = re.compile(r"https?://[^\s'\"<]+|//[\w.]+/")


class Page(HTMLParser):
    """What a page is made of: tags in order, texts by tag, images, and whether all that was opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.texts, self.attributes = [], [], {}, []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def cells(self, tag: str) -> list[str]:
        return [text.strip() for text in self.texts.get(tag, []) if text.strip()]


def write_run(folder: Path, ours: pd.DataFrame, record: RunRecord | None = None) -> Path:
    ours = ours.assign(versions="torch=2.0 numpy=1.26", device="cpu", precision="fp32", seconds=1.5, task_fp="t")
    rows.write_rows(ours.astype(object).where(ours.notna(), None).to_dict("records"), folder / "rows.csv")
    if record:
        rows.write_reference(published(record.reference), folder / "reference.csv")
        write_record(record, folder)
    return folder


def of_two() -> tuple[pd.DataFrame, RunRecord]:
    tasks = (("esc50", "top1_acc"), ("fsd50k", "mAP"), ("beehive", "aucroc"))
    names = ("PaSST M+H hop=10", EVIL, "third")
    ours = measured(
        *(
            (name, task, metric, (0.1 * (i + j) + 0.2,))
            for i, name in enumerate(names)
            for j, (task, metric) in enumerate(tasks)
        )
    ).assign(lr=3.2e-3, init="xavier_normal")
    ours.loc[ours["model"] == EVIL, "weights"] = "untrained-0"
    ours["job"] = ours["model"] + ours["task"]
    models = [RecordedModel(name, "m", name, "untrained-0" if name == EVIL else "published") for name in names]
    absent = RecordedFailure((), "crema_d", "task crema_d is absent: `ablate download crema_d` fetches it", absent=True)
    failed = RecordedFailure(("fourth",), "", f"no weights at {EVIL}")
    record = RunRecord(
        "mine",
        figure="heatmap",
        reference=("fig10",),
        models=(*models, RecordedModel("fourth", "m", "fourth@x", "published")),
        tasks=(*(task for task, _ in tasks), "crema_d"),
        failures=(absent, failed),
        finished=True,
    )
    return ours, record


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    folder = write_run(tmp_path_factory.mktemp("runs") / "mine", *of_two())
    result = invoke("report", folder)
    assert result.exit_code == 0, result.output
    assert Path(result.output.strip()) == folder / "report.html"
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_it_is_one_whole_page_with_every_part(page):
    assert page.tags[:2] == ["html", "head"]
    assert page.cells("title") == ["mine"]
    heads = ["Scores", "Figures", "Published beside measured", "Comparisons", "Made with", "What is missing"]
    assert page.cells("h3") == heads
    assert page.tags.count("script") == page.tags.count("style") == 1, "no chart of a short table"


def test_nothing_is_fetched(text, page):
    without_figures = re.sub(r"data:[^\"]*", "", text)
    assert not ADDRESS.findall(without_figures)
    wanted = [value for _, name, value in page.attributes if name in ("src", "href")]
    assert all(value.startswith(("data:image/svg+xml;base64,", "#")) for value in wanted)
    assert ("meta", "content") in {(tag, name) for tag, name, _ in page.attributes}
    assert "default-src 'none'" in text


def test_what_users_typed_is_escaped(text, page):
    assert "<script>alert" not in text
    assert f"{EVIL}†" in page.cells("th")
    assert any(EVIL in cell for cell in page.cells("td"))


def test_figures_are_drawings_with_a_description(page):
    images = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    assert len(images) == 3, "the study's own, agreement, mean ranks"
    for image in images:
        drawing = base64.b64decode(image.partition(",")[2]).decode()
        assert drawing.rstrip().endswith("</svg>")
    titles = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert titles == ["mine: heatmap", "mine: measured against published", "mine: mean ranks over 3 tasks"]


def test_scores_say_what_is_best_missing_untrained_and_published(page):
    cells = page.cells("td")
    assert "0.200" in cells
    assert any(cell.startswith("≈") for cell in cells)
    assert "–" in cells
    kinds = {value for tag, name, value in page.attributes if (tag, name) == ("td", "class")}
    assert {"number", "number best", "number second"} <= kinds
    notes = " ".join(page.cells("p"))
    assert "† untrained weights" in notes
    assert "– not measured: every model on crema_d: the task is absent." in notes
    assert "of 3 within the tolerance of the published value" in notes
    assert "Best learning rates at an edge of what was tried (9)" in page.cells("summary")


def test_numbers_sort_as_numbers_and_texts_as_texts():
    texts = pd.DataFrame({"set": ["fig10", "ced"], "score": ["≈0.5", "–"], "difference": ["+0.1", "-0.2"]}, ["a", "b"])
    sheet = of_table("x", Table(texts, texts.map(lambda _: 0)))
    assert [head.kind for head in sheet.heads] == ["", "", "number", "number"]
    assert [cell.kind for cell in sheet.rows[0]] == ["", "", "number", "number"]


def test_what_failed_and_what_it_was_made_with_is_there(page):
    cells = page.cells("td")
    assert f"no weights at {EVIL}" in cells
    assert "task crema_d is absent:" in cells
    assert "ablate download crema_d" in page.cells("code")
    assert "3 models, 3 tasks measured, 1 absent, 1 failure" in page.cells("p")
    assert "version of torch" in page.cells("th")
    assert {"2.0", "hear2021", "cpu", "9, whose probes took 14 s"} <= set(cells)
    assert "untrained-0" in cells


def test_a_folder_of_runs_is_a_page_of_parts(tmp_path):
    ours, record = of_two()
    write_run(tmp_path / "b", ours, record)
    write_run(tmp_path / "a", ours[ours["task"] == "esc50"])
    out = tmp_path / "all.html"
    assert invoke("report", tmp_path, "--out", out).exit_code == 0
    page = Page(out.read_text(encoding="utf-8"))
    assert page.cells("h2") == ["a", "mine"]
    assert [value for tag, name, value in page.attributes if tag == "a"] == ["#run-0", "#run-1"]
    notes = " ".join(page.cells("p"))
    assert "The run's folder has no study.json: what failed is not known." in notes
    assert "No ranking of all models: all " in notes


def test_a_run_without_scores_is_a_page_too(tmp_path):
    _, record = of_two()
    write_run(tmp_path, measured(), record)
    assert invoke("report", tmp_path).exit_code == 0
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "Nothing was measured." in page.cells("p")
    assert "absent" in page.cells("th")


def test_what_is_no_run_is_one_line(tmp_path):
    result = invoke("report", tmp_path)
    assert result.exit_code == 1
    assert result.output == f"Error: {tmp_path}: no run's folder, it has no rows.csv\n"
    with pytest.raises(FileNotFoundError, match="no rows in .* or a folder in it; expected a run"):
        page_of(tmp_path)
    write_run(tmp_path, of_two()[0])
    (tmp_path / "study.json").write_text("{")
    assert invoke("report", tmp_path).output.startswith(f"Error: {tmp_path / 'study.json'}: not the record of a run")


def test_a_place_that_can_not_be_written_is_one_line(tmp_path):
    folder = write_run(tmp_path / "mine", *of_two())
    (tmp_path / "file").write_text("")
    result = invoke("report", folder, "--out", tmp_path / "file" / "page.html")
    assert result.exit_code != 0
    assert "file/page.html can't be written" in result.output
    assert invoke("report", folder, "--out", tmp_path).output.rstrip().endswith("is a directory.")


def test_the_command_the_commit_and_what_is_established_lead(tmp_path):
    ours, record = of_two()
    call = RecordedCall("2026-01-31T23:59:58.000+00:00", "ablate run '<mine>'", "1.0.0", "abc", 9)
    pair = tuple(model.label for model in record.models[:2])
    write_run(tmp_path, ours, dataclasses.replace(record, calls=(call,), comparisons=(pair,)))
    page = Page(write_page(tmp_path, tmp_path / "page.html").read_text())
    first, state, *_ = page.cells("p")
    assert first == "No difference is established: the run's folder has no predictions (jobs/), which comparisons need."
    assert state == "3 models, 3 tasks measured, 1 absent, 1 failure"
    assert "ablate run '<mine>'" in page.cells("code")
    assert any(text.startswith("; version 1.0.0, commit abc. Page: 20") for text in page.cells("p"))


def test_jobs_of_several_models_count_once():
    ours, record = of_two()
    whole = pd.concat([ours, ours.assign(model="again", spec="again")]).assign(seconds=2.0, versions="", device="cpu")
    lines = facts.setup(whole, record).set_index("what")["value"]
    assert lines["jobs"] == "9, whose probes took 18 s"
    assert lines["published beside"] == "fig10"


def test_pairs_are_tested_only_where_they_are_shown(tmp_path, monkeypatch):
    tested = []
    monkeypatch.setattr("results.statistics.ranks._wilcoxon", lambda *given: tested.append(given) or {})
    some = [(f"m{number}", "esc50", "top1_acc", (0.1 * number,)) for number in range(11)]
    rows.write_rows(measured(*some).to_dict("records"), tmp_path / "rows.csv")
    text = write_page(tmp_path, tmp_path / "page.html").read_text()
    assert "11 models make 55 pairs, more than the 45 that are shown" in text
    assert not tested
