"""Newer published sets are what their sources say: counts, sums, spot values, every cell of the re-runs."""

import pandas as pd
import pytest

from results.reference.published import notes_on, published
from results.reference.sets import read
from results.rows.rows import task_table

COUNTS = {  # models, tasks, scores, scores read off, sum of the scores
    "usad": (6, 19, 114, 0, 88.192),
    "gram": (14, 11, 149, 0, 104.277),
    "wavjepa": (14, 11, 154, 0, 99.854),
    "mwmae": (2, 10, 20, 0, 15.408),
    "dasheng": (3, 18, 54, 42, 37.269),
    "reruns": (9, 12, 44, 0, 32.4337),
}
SPOTS = {
    ("usad", "USAD Large (330M)", "maestro_5h"): 0.384,
    ("usad", "WavLM Base+", "beehive"): 0.612,
    ("usad", "ATST-Frame", "gtzan_music_speech"): 1.0,
    ("gram", "GRAM-T Binaural", "dcase2016_task2"): 0.956,
    ("gram", "PaSST (re-run by GRAM authors)", "mridangam_tonic"): 0.878,
    ("gram", "HEAR-Naive", "beijing_opera"): 0.987,
    ("wavjepa", "WavJEPA Base", "esc50"): 0.865,
    ("wavjepa", "Data2Vec Large", "nsynth_pitch_5h"): 0.144,
    ("mwmae", "MW-MAE-B-200-4x16 (released weights)", "vox_lingua_top10"): 0.439,
    ("dasheng", "Dasheng-1.2B", "maestro_5h"): 0.433,
    ("dasheng", "Whisper-base", "maestro_5h"): 0.0,
    ("reruns", "GURA Avg H+w+C", "gunshot"): 0.6845,
}
RERUNS = {  # as their source lists them: the leaderboard's score -> the score of the re-run
    "wav2vec2": {
        **{"esc50": (0.5610, 0.6144), "gunshot": (0.8482, 0.7708), "libricount": (0.6921, 0.6642)},
        **{"mridangam_stroke": (0.9432, 0.9190), "mridangam_tonic": (0.8283, 0.7549)},
        **{"nsynth_pitch_5h": (0.4020, 0.4360), "speech_commands_5h": (0.8382, 0.8801)},
        **{"vox_lingua_top10": (0.4928, 0.5576), "gtzan_music_speech": (0.9462, 0.9288), "crema_d": (0.6562, 0.6796)},
    },
    "GURA Fuse Hubert": {
        **{"gunshot": (0.9286, 0.9137), "nsynth_pitch_5h": (0.3820, 0.4000), "gtzan_genre": (0.7960, 0.8189)},
    },
    "RedRice EfficientNet-B2": {
        **{"gunshot": (0.8780, 0.9285), "speech_commands_5h": (0.5734, 0.5926)},
        **{"gtzan_music_speech": (0.9679, 0.9916), "crema_d": (0.5746, 0.5532)},
    },
    "GURA Fuse wav2vec2": {
        **{"gunshot": (0.9673, 0.9285), "libricount": (0.6526, 0.6351), "nsynth_pitch_5h": (0.3300, 0.3440)},
        **{"gtzan_music_speech": (0.9532, 0.9371), "crema_d": (0.6924, 0.7074)},
    },
    "GURA Fuse Cat H+w+C": {
        **{"beijing_opera": (0.9660, 0.9534), "esc50": (0.7335, 0.7440), "gunshot": (0.9345, 0.9136)},
        **{
            "nsynth_pitch_5h": (0.8460, 0.8339),
            "gtzan_genre": (0.8050, 0.8170),
            "gtzan_music_speech": (0.9282, 0.9436),
        },
    },
    "GURA Avg H+w+C": {"beijing_opera": (0.9448, 0.9278), "gunshot": (0.8571, 0.6845), "crema_d": (0.5473, 0.5284)},
    "CVSSP PANNS": {
        **{"beijing_opera": (0.9112, 0.9237), "gunshot": (0.7976, 0.8571)},
        **{"mridangam_stroke": (0.9391, 0.9276), "nsynth_pitch_5h": (0.1480, 0.1299)},
    },
    "CP-JKU PaSST base": {
        **{"beijing_opera": (0.9660, 0.9536), "gunshot": (0.9405, 0.8959), "libricount": (0.6601, 0.6329)},
        **{"mridangam_tonic": (0.8194, 0.8046), "nsynth_pitch_5h": (0.2560, 0.2300)},
        **{"speech_commands_5h": (0.6810, 0.6928), "vox_lingua_top10": (0.2593, 0.2439)},
        **{"gtzan_music_speech": (0.9769, 0.9615)},
    },
    "Stellenbosch LSL DBERT": {"gunshot": (0.8095, 0.8780)},
}
DOMAINS = {
    "environment": ("dcase2016_task2", "esc50", "fsd50k", "gunshot"),
    "speech": (
        *("crema_d", "libricount", "speech_commands_5h", "speech_commands_full", "vocal_imitation"),
        "vox_lingua_top10",
    ),
}
"""What Dasheng's README averages as environment sounds and speech; its music is the others, without Beehive."""


def by_cell(name: str) -> pd.Series:
    return published([name]).set_index(["model", "task"])["score"]


def by_model(name: str) -> pd.DataFrame:
    return published([name]).pivot_table("score", "model", "task")


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_sums(name):
    rows = published([name])
    found = (rows["model"].nunique(), rows["task"].nunique(), len(rows), int(rows["tolerance"].notna().sum()))
    assert found == COUNTS[name][:4]
    assert rows["score"].sum() == pytest.approx(COUNTS[name][4], abs=1e-6)


def test_all_scores_are_counted():
    assert sum(count[2] for count in COUNTS.values()) == 535


def test_spot_values():
    for (name, model, task), value in SPOTS.items():
        assert by_cell(name)[model, task] == value


def test_every_re_run_is_its_sources_and_of_the_leaderboards_row():
    found, leaderboard = by_cell("reruns"), by_cell("leaderboard")
    listed = {(model, task): pair for model, tasks in RERUNS.items() for task, pair in tasks.items()}
    assert len(listed) == len(found) == 44
    for cell, (before, after) in listed.items():
        assert found[cell] == after
        assert leaderboard[cell] == pytest.approx(before, abs=5.1e-5), cell
        assert abs(after - before) > 0.01


def test_exactness_of_the_chart():
    rows = published(["dasheng"])
    assert rows["tolerance"].value_counts().to_dict() == {0.002: 36, 0.005: 6}
    assert rows["tolerance"].isna().sum() == 12
    printed = rows[rows["tolerance"].isna()]
    assert set(printed["model"]) == {"Dasheng-1.2B", "Whisper-base"}
    assert printed[printed["model"] == "Whisper-base"]["task"].tolist() == ["vox_lingua_top10"]


def test_the_chart_agrees_with_the_means_that_its_readme_prints():
    means, scores = read("dasheng_domain_means.csv").set_index("model"), by_model("dasheng")
    assert means.shape == (8, 3)
    music = set(scores.columns) - {task for tasks in DOMAINS.values() for task in tasks}
    for domain, tasks in {**DOMAINS, "music": tuple(music)}.items():
        for model in scores.index:
            assert scores.loc[model, list(tasks)].mean() == pytest.approx(means.loc[model, domain], abs=0.002)
    assert len(music) == 8


def test_means_are_no_tasks():
    for name in COUNTS:
        assert set(published([name])["task"]) <= set(task_table().index)


def test_protocols():
    of_set = {name: published([name])["protocol"].unique().tolist() for name in COUNTS}
    assert of_set.pop("usad") == ["hear2021-usad"]
    assert of_set.pop("mwmae") == ["hear2021-10seeds"]
    assert all(protocols == ["hear2021"] for protocols in of_set.values())


def test_what_the_traps_of_newer_sets_say_is_so():
    gram, wavjepa, dasheng, mwmae = (by_model(name) for name in ("gram", "wavjepa", "dasheng", "mwmae"))
    same = gram.loc["HuBERT"] - wavjepa.loc["HuBERT Base"]
    assert same[same.abs() > 1e-9].index.tolist() == ["dcase2016_task2"]
    same = gram.loc["WavLM"] - wavjepa.loc["WavLM Base"]
    differing = same[same.abs() > 1e-9].index.tolist()
    assert differing == ["nsynth_pitch_5h", "speech_commands_5h"]
    assert gram.loc["WavLM", differing].tolist() == wavjepa.loc["WavLM Large", differing].tolist()
    naive = (gram.loc["HEAR-Naive"] - wavjepa.loc["HEAR-Naive"]).abs()
    assert (naive.idxmax(), round(naive.max(), 3)) == ("mridangam_tonic", 0.061)
    assert gram.loc["AudioMAE", "speech_commands_5h"] == 0.666
    assert dasheng.loc["AudioMAE", "speech_commands_5h"] == 0.246
    apart = (gram.loc["MW-MAE"] - mwmae.loc["MW-MAE-B-200-4x16 (paper)"]).abs()
    assert (apart.idxmax(), round(apart.max(), 3)) == ("libricount", 0.115)


def test_notes_name_the_protocol_and_the_checkpoints():
    notes = notes_on(published(["usad:WavLM*", "gram:WavLM"]))
    assert any("the paper does not say which layers" in note for note in notes)
    assert any("other checkpoints or levels" in note for note in notes)
