"""Models that were trained on a task's data are marked there, with who says so."""

from fnmatch import fnmatchcase

import pandas as pd
import pytest

from results.reference.published import published
from results.reference.sets import SETS, read
from results.reference.trained_on import matches
from results.rows.rows import task_table
from results.scores.scores import scores
from results.tables import compose, formats
from tests.results.scores.test_beside import measured


def marked(rows: pd.DataFrame) -> set[tuple[str, str]]:
    lines = scores(rows)
    found = lines.loc[matches(lines).index]
    return set(zip(found["model"], found["task"], strict=True))


def of_spec(spec: str, task: str, weights: str = "published") -> pd.DataFrame:
    return measured((spec, task, task_table().loc[task.split("+")[0], "primary_metric"], (0.5, 0.6))).assign(
        weights=weights
    )


def test_every_row_names_a_task_a_source_and_something_that_is_there():
    table, specs = read("trained_on.csv"), published(SETS)[["spec", "task"]]
    assert not table.duplicated(["model", "task"]).any()
    assert set(table["task"]) <= set(task_table().index)
    assert set(table["labels"]) == {"yes", "no"}
    assert (table["source"].str.len() > 15).all()
    for row in table[table["model"].str.contains(":")].itertuples():
        assert any(fnmatchcase(spec, row.model) for spec in specs.loc[specs["task"] == row.task, "spec"]), row


def test_published_models():
    rows = published(["leaderboard"])
    found = marked(rows)
    assert {model for model, task in found if task == "nsynth_pitch_5h"} == {
        *("CREPE", "IUT-CSE MLP (audio)", "GURA Avg Hubert+Crepe", "GURA Cat wav2vec2+crepe", "GURA Avg H+w+C"),
        *("GURA Cat H+w+C", "GURA Fuse Cat H+w+C", "GURA Fuse Cat H+w+C (time)"),
    }
    assert {model for model, task in found if task == "speech_commands_full"} == {
        *("IUT-CSE MLP (audio)", "IUT-CSE MLP (keyword)"),
    }
    assert {task for _, task in found} == {
        *("nsynth_pitch_5h", "nsynth_pitch_50h", "speech_commands_5h", "speech_commands_full", "dcase2016_task2"),
    }
    assert not {model for model, _ in found} & {"CP-JKU PaSST base", "OpenL3", "wav2vec2", "GURA Hubert"}


@pytest.mark.parametrize(
    ("spec", "task", "is_marked"),
    [
        ("crepe_tiny@fc@w64", "nsynth_pitch_5h", True),
        ("crepe_tiny@fc@w64", "nsynth_pitch_5h+snr10", True),
        ("crepe_tiny@fc@w64", "esc50", False),
        ("fsd50k_passt_s_f128_p16_s10_ap655@logits", "fsd50k", True),
        ("fsd50k_passt_s_f128_p16_s10_ap655@logits", "esc50", False),
        ("passt_demo@block6 ++ crepe_full@fc", "nsynth_pitch_50h", True),
        ("passt_s_swa_p16_128_ap476@logits", "fsd50k", False),
        ("cnn14@embedding", "esc50", False),
    ],
)
def test_measured_models(spec, task, is_marked):
    assert bool(marked(of_spec(spec, task))) is is_marked


def test_untrained_weights_and_missing_scores_are_not_marked():
    assert not marked(of_spec("crepe_tiny", "nsynth_pitch_5h", weights="untrained-0"))
    assert not marked(of_spec("crepe_tiny", "nsynth_pitch_5h").assign(score=float("nan")))


def test_tables_mark_the_cell_and_say_why():
    rows = pd.concat([of_spec("crepe_tiny", "nsynth_pitch_5h"), of_spec("crepe_tiny", "esc50")], ignore_index=True)
    found = compose.compose(rows)
    assert found.texts.loc["crepe_tiny"].tolist() == ["0.550 ± 0.071", "0.550 ± 0.071§"]
    (note,) = [line for line in found.notes if line.startswith("§")]
    assert note.startswith(
        "§ trained on data of the task: crepe_tiny on nsynth_pitch_5h (NSynth, with labels). Who says"
    )
    assert "0.550 $\\pm$ 0.071\\S{}" in formats.to_latex(found)
    assert "§" not in formats.to_csv(found)
    assert not any("§" in line for line in compose.compose(rows[rows["task"] == "esc50"]).notes)


def test_tables_mark_models_of_another_protocol():
    found = compose.compose(published(["usad:USAD Base*", "gram:BEATs", "mwmae"]))
    assert found.texts.index.tolist() == [
        *("USAD Base (94M) (usad)‡¶", "BEATs (gram)‡"),
        *(f"MW-MAE-B-200-4x16 ({weights}) (mwmae)‡¶" for weights in ("paper", "released weights")),
    ]
    (note,) = [line for line in found.notes if line.startswith("¶")]
    assert note.endswith("do not compare as equals: usad (hear2021-usad), mwmae (hear2021-10seeds).")
    assert "\\P{}" in formats.to_latex(found)
    assert not any("¶" in line for line in compose.compose(published(["gram", "leaderboard"])).notes)


def test_the_best_of_a_column_is_of_one_protocol():
    ours = measured(("mine", "esc50", "top1_acc", (0.4,)), ("other", "esc50", "top1_acc", (0.5,)))
    found = compose.compose(pd.concat([ours, published(["usad", "gram:BEATs"])], ignore_index=True))
    placed = found.places[found.places["esc50 (top1_acc)"] > 0].index.tolist()
    assert placed == ["other", "BEATs (gram)‡"]
