"""Attacks on runs: files of jobs, rows, labels, folders that can't be written, signals, modules that hang."""

import csv
import json
import os
import random
import re
import resource
import signal
import sys
import threading
import time
from typing import Any
from unittest import mock

import yaml

from ablations.report.page import PAIRS, page
from results.rows.rows import COLUMNS, task_table, write_rows
from tests.campaigns.attacks.place import NAME, Place, refused
from tests.campaigns.children import Ending
from tests.campaigns.processes import start_of

MODULE = """
import os, time

def load_model(path=""):
    with open("worker", "w") as file:
        file.write(str(os.getpid()))
    time.sleep(1000)

def get_scene_embeddings(audio, model):
    pass

get_timestamp_embeddings = get_scene_embeddings
"""
DIES_WITHIN_S = 5.0


def job_file_damaged(place: Place) -> None:
    """The file is named, and its job is computed again."""
    with place.job.open("a") as file:
        file.write("x")
    ending = place.run(place.study())
    assert ending.kind == "taken"
    assert place.job.name in ending.output


def job_file_without_keys(place: Place) -> None:
    """The job is computed again; it does not end the run."""
    place.job.write_text(json.dumps({"job": place.job.stem}))
    assert place.run(place.study()).kind == "taken"


def one_digit_of_a_score(place: Place) -> None:
    """A job has the sum of its content, so that rows.csv stays the same to the byte."""
    rows = (place.run_folder / "rows.csv").read_bytes()
    job = place.job
    text = job.read_text()
    job.write_text(re.sub(r'("top1_acc": [01]\.)\d', r"\g<1>7", text, count=1))
    assert job.read_text() != text
    place.run(place.study())
    assert (place.run_folder / "rows.csv").read_bytes() == rows


def rows_with_a_damaged_number(place: Place) -> None:
    """The error names file and line."""
    path = place.run_folder / "rows.csv"
    path.write_text(re.sub(r"top1_acc,True,\d", "top1_acc,True,w", path.read_text()))
    refused(place.ablate("table", NAME, "--runs", place.runs), "rows.csv", "line 2")


def control_c(place: Place) -> None:
    """The run says in one line that the same command continues it, ends with status 130, and can be continued."""

    def soon() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # even where this runs behind an &
        threading.Thread(target=interrupt, daemon=True).start()

    def interrupt() -> None:
        while not list((place.folder / "store").rglob("plan.json")):
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    study = place.study(models=[{"checkpoint": "logmel"}, {"checkpoint": "crepe_tiny"}])
    ending = place.run(study, before=soon, ends=("silent", "one-line error"))
    assert ending.status == 130, f"exit status {ending.status}"
    assert "the same command goes on" in ending.output
    assert place.run(study).kind == "taken"


def figure_that_can_not_be_written(place: Place) -> None:
    """The old figure stays, and the error names the file."""
    figure = place.run_folder / "figure.pdf"
    before = figure.read_bytes()

    def files_of_4_kb() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    refused(place.ablate("figure", NAME, "--runs", place.runs, before=files_of_4_kb), "figure")
    assert figure.read_bytes() == before


def labels_with_escapes(place: Place) -> None:
    """Labels are harmless in Markdown and on a terminal."""
    labels = {"melproj": "a | <img src=x onerror=alert(1)>", "logmel": "x\x1b]0;title\a=1+1"}
    models = [{"checkpoint": checkpoint, "label": label} for checkpoint, label in labels.items()]
    assert place.run(place.study(models=models)).kind == "taken"
    table = (place.run_folder / "table.md").read_text()
    assert "a | <img" not in table
    assert "\x1b" not in table
    assert "\x1b]" not in place.ablate("table", NAME, "--runs", place.runs).output


def journal_of_another_kind(place: Place) -> None:
    """A search with a file that is no journal says that it can't be used."""
    search = {"name": "n", "tasks": [str(place.good.folder / "tones-v1")], "protocol": "hear2021+grid1", "trials": 2}
    space = [{"checkpoint": "logmel", "levels": {"any_of": ["mean", "std"], "at_most": 2}}]
    file = place.text("se.yaml", yaml.safe_dump(search | {"space": space}))
    journal = place.folder / "runs" / "n" / "journal.log"
    journal.parent.mkdir(parents=True)
    journal.write_text('{"a": 1}\n')
    places = ("--runs", place.folder / "runs", "--store", place.folder / "store")
    refused(place.ablate("search", file, *places), "can't be used")


def runs_that_can_not_be_written(place: Place) -> None:
    """The error comes before anything is computed."""
    store = place.folder / "store"
    ending = place.ablate("run", place.study(), "--runs", "/proc/runs", "--store", store)
    refused(ending, "/proc/runs")
    assert not list(store.rglob("*.npy"))


def pairs_that_a_report_does_not_show(place: Place) -> None:
    """A report does not test pairs of models that it does not show."""
    with (place.run_folder / "rows.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    draw, rows = random.Random(0), []
    for model in range(60):
        name = {"model": f"m{model}", "spec": f"passt_demo@features@w160@smax@t50@untrained-{model}"}
        for task in list(task_table().index)[:8]:
            score = {"task": task, "fold": "fold00", "score": draw.random(), "job": f"{model:08x}{task[:4]}"}
            rows.append({**dict.fromkeys(COLUMNS, ""), **row, **name, **score})
    folder = place.folder / "many"
    folder.mkdir()
    write_rows(rows, folder / "rows.csv")

    def shown() -> None:
        with mock.patch("results.statistics.ranks._wilcoxon", side_effect=AssertionError("a pair was tested")):
            assert f"more than the {PAIRS} that are shown" in page(folder)

    assert place.attempt(shown).kind == "taken"


def module_that_hangs(place: Place) -> None:
    """Loading has a time limit, and a module's process ends with the command that started it."""
    place.text("hangs.py", MODULE)

    def embed(**options: Any) -> Ending:
        spec = ("--spec", "hear:hangs", "--python", sys.executable, "--out", place.folder / "out")
        return place.ablate("embed", place.sound, *spec, **options)

    def limited(seconds: str) -> None:
        os.environ.update(PYTHONPATH=str(place.folder), ABLATE_MODULE_TIMEOUT=seconds)

    refused(embed(before=lambda: limited("5")), "hangs")
    (place.folder / "worker").unlink()
    embed(before=lambda: limited("100"), limit_s=8, ends=("hang",))  # killed then
    worker = int((place.folder / "worker").read_text())
    end = time.monotonic() + DIES_WITHIN_S
    while start_of(worker) and time.monotonic() < end:
        time.sleep(0.05)
    if start_of(worker):
        os.kill(worker, signal.SIGKILL)
        raise AssertionError("the module's process lives on")


CASES = (
    job_file_damaged,
    job_file_without_keys,
    one_digit_of_a_score,
    rows_with_a_damaged_number,
    control_c,
    figure_that_can_not_be_written,
    labels_with_escapes,
    journal_of_another_kind,
    runs_that_can_not_be_written,
    pairs_that_a_report_does_not_show,
    module_that_hangs,
)
