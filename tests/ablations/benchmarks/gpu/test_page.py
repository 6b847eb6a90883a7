"""The page says what the files say, and "not run" of what has no file."""

import math
import re
from pathlib import Path

import pandas as pd
import pytest

from ablations.benchmarks.gpu import bars, hear, page
from ablations.benchmarks.gpu.command import FOLDER
from ablations.benchmarks.gpu.files import CUT, DONE, ROOT, PartFile, StepFile
from ablations.benchmarks.gpu.parts import PARTS
from results.rows.rows import TASKS_FILE

MADE_ON = {"device": "A GPU", "kind": "cuda", "code": "1", "versions": {"torch": "2.11.0"}}


def part(name, *steps, state=DONE, **changes):
    return PartFile(name, "ablate benchmark gpu", state, steps=list(steps), **{**MADE_ON, **changes})


def embedding(embedding, levels="base", **values):
    return {"precision": "bf16", "embedding": embedding, "levels": levels, **values}


PROTOCOL = ("the protocol at ESC-10's size", "the protocol at FSD50K's size")
STUDY = {
    "clips": 10,
    "seconds_of_sound": 100.0,
    "stage_seconds": {"reading": 2.0, "writing": 0.5, "verifying": 0.5, "network": 9.0},
}
VALIDATION = {"validation_seconds": 0.1}
MEASURED = {
    file.part: file
    for file in (
        part(
            "embeddings",
            StepFile(
                "every precision",
                9.0,
                rows=[
                    embedding("scenes", share=0.5, times_real_time=1000.0),
                    embedding("scenes", "all", share=None, times_real_time=1.0),
                    embedding("timestamps", share=0.2, times_real_time=50.0),
                ],
                facts={"all_over_one": {"bf16 scenes": 1.2}},
            ),
            StepFile("beside hear21passt", 9.0, rows=[embedding("timestamps", times_peer=60.0)]),
        ),
        part(
            "probes",
            StepFile(PROTOCOL[0], 1.0, rows=[{"clips": 400, "ms_per_fit_epoch": 1.0}]),
            StepFile(PROTOCOL[1], 1.0, rows=[{"clips": 50_000, "ms_per_fit_epoch": 11.0}]),
        ),
        part("study", StepFile("scenes", 1.0, facts=STUDY)),
        part(
            "scoring",
            StepFile("validations", 1.0, rows=[VALIDATION | {"task": name} for name in ("dcase2016_task2", "maestro")]),
        ),
    )
}  # fmt: skip


def test_the_committed_page_is_made_of_the_committed_files():
    assert (ROOT / f"{FOLDER}.md").read_text() == page.text(ROOT / FOLDER)


def test_a_page_without_files_says_not_run_of_everything(tmp_path):
    text = page.text(tmp_path / "gpu")
    assert page.NOT_RUN in text
    assert text.count("Not run; it has") == len(PARTS)
    assert text.count("| not run") == len(bars.BARS)
    assert "Not computed" in text
    assert not (tmp_path / "gpu").exists()


def test_links_of_the_page_lead_to_files():
    text = (ROOT / f"{FOLDER}.md").read_text()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert all((ROOT / FOLDER.parent / link).exists() for link in links)


def test_the_page_shows_steps_failures_and_what_was_cut(tmp_path):
    folder = tmp_path / "gpu"
    part(
        "device",
        StepFile("device and versions", 1.0, what="The device", rows=[{"property": "device", "value": "A GPU"}]),
        StepFile("launches and waits", 2.0, "RuntimeError: CUDA error: no more"),
        state=CUT,
        reason="it gave no answer in 25 s and was ended",
        seconds=25.0,
    ).write(folder)
    part("accuracy", code="2").write(folder)
    text = page.text(folder)
    assert "A GPU; torch 2.11.0; 2 of 12 parts have run. The parts are of 2 states of the code" in text
    assert "[device.json](gpu/device.json): cut after 25 s: it gave no answer in 25 s and was ended" in text
    assert "Failed after 2 s: RuntimeError: CUDA error: no more" in text
    assert re.search(r"### copies\n\nNot run\.", text)
    assert page.NOT_RUN not in text


def test_a_run_on_a_cpu_is_none_on_a_gpu(tmp_path):
    part("device", kind="cpu", rehearsal=True).write(tmp_path / "gpu")
    text = page.text(tmp_path / "gpu")
    assert page.NOT_RUN in text
    assert page.REHEARSED in text


def test_bars_are_held_against_what_was_measured():
    rows = {row["what"].split(":")[0].split(",")[0]: row for row in (bar.row(MEASURED) for bar in bars.BARS)}
    found = {what: (row["measured"], row["met"]) for what, row in rows.items()}
    assert found.pop("one variant on all of HEAR")[1] in ("met", "not met")
    assert found == {
        "scenes of 10 s in bf16": ("50%", "met"),
        "timestamps in bf16": ("60.0", "met"),
        "all levels of scenes in bf16": ("1.20", "not met"),
        "probes": ("not measured: no hear-eval-kit", ""),
    }
    (row,) = (bar.row({}) for bar in bars.BARS if bar.part == "probes")
    assert row["measured"] == "not run"


def test_what_hear_costs_follows_from_sizes_and_rates():
    table = hear.estimate(MEASURED)
    assert table is not None
    tasks = pd.read_csv(TASKS_FILE)
    rows = table.set_index("task")
    assert list(rows.index) == [*tasks["key"], "all"]
    epochs = hear.rates_of(MEASURED).epochs
    esc50, beehive, maestro = rows.loc["esc50"], rows.loc["beehive"], rows.loc["maestro_5h"]
    assert esc50["hours"] == pytest.approx(2000 * 5 / 3600)
    assert esc50["embedding_s"] == pytest.approx(2000 * 5 / 1000)
    assert esc50["files_s"] == pytest.approx(2000 * (5 * 0.02 + 0.1))
    assert (esc50["fits"], esc50["items"]) == (12, 1200)
    epoch = 1e-3 + 10e-3 * (1200 - 240) / (36_000 - 240)
    assert esc50["probes_s"] == pytest.approx(12 * epochs * epoch)
    windows = 600_000 // 2500 + 1
    assert beehive["embedding_s"] == pytest.approx(576 * windows * 10 / 1000)
    assert (beehive["fits"], beehive["items"]) == (8, 576)
    assert maestro["embedding_s"] == pytest.approx(185 * 120 / 50)
    assert maestro["items"] == round(185 * 2401 * 3 / 5)
    assert maestro["events_s"] == pytest.approx(12 * epochs / 3 * 0.1)
    assert rows.loc["gunshot", "probes_s"] == pytest.approx(14 * epochs * 1e-3)  # fewer items than were measured
    assert rows.loc["fsd50k", "hours"] == pytest.approx(hear.FSD50K_HOURS)
    seconds = [name for name in table.columns if name.endswith("_s")]
    assert hear.total_seconds(table) == pytest.approx(table.iloc[:-1][seconds].to_numpy().sum())
    assert math.isnan(rows.loc["all", "items"])


@pytest.mark.parametrize("name", MEASURED)
def test_nothing_is_computed_without_every_rate(name):
    assert hear.estimate({other: file for other, file in MEASURED.items() if other != name}) is None
    failed = {**MEASURED, name: part(name, *(StepFile(s.step, 1.0, "it failed") for s in MEASURED[name].steps))}
    assert hear.estimate(failed) is None


def test_the_page_shows_what_hear_costs(tmp_path):
    for file in MEASURED.values():
        file.write(tmp_path / "gpu")
    text = page.text(tmp_path / "gpu")
    table = hear.estimate(MEASURED)
    assert f"{hear.total_seconds(table) / 60:.0f} minutes in all" in text
    assert "Rates: 1000 s of scenes and 50 s of sound with timestamps a second" in text
    assert Path(hear.ESC10_FILE).is_file()
