import json
import time
from dataclasses import dataclass

import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.cli.download import download
from ablations.cli.models import models
from ablations.models.baselines import checkpoints as cnns
from ablations.models.catalog import models_table
from ablations.models.catalog_text import compressed, to_text
from ablations.models.registry import Family, families, resolve_with_file
from passt.catalog import checkpoints
from passt.catalog.card import Card
from passt.fetch.download import recorded, sha256_of
from passt.weights import load

NAME = "passt_s_swa_f128_stfthop160_p16_s10_ap473"
OF_PASST = ["stride", "token_ms", "tokens_10s"]


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setenv("PASST_OFFLINE", "1")
    monkeypatch.setenv("PASST_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()


@dataclass(frozen=True)
class File:
    """A published file of another family."""

    name: str
    url: str = "https://example.org/other.pth"
    file: str = "other.pth"
    sha256: str = ""


@pytest.fixture
def other_family(monkeypatch):
    """A family that publishes one of its two models, and doesn't know what they cost."""
    cards = (
        Card("other", "others", 22050, ("b1", "b2", "embedding"), ("embedding",), (500,), 40, None),
        Card("other_free", "others", 22050, ("embedding",), ("embedding",), default_weights="none", weights=("none",)),
    )
    every = dict(families()) | {"others": Family(cards, build=None, published=File)}
    monkeypatch.setattr("ablations.models.registry.families", lambda: every)


def put(name, content=b"weights"):
    path = load.place(checkpoints.get(name))
    path.write_bytes(content)
    return path


def run(command, *args):
    return CliRunner().invoke(command, list(map(str, args)))


def test_every_model_is_listed_once_passt_first():
    models_table()  # what counting operations imports
    start = time.process_time()
    table = models_table()
    assert time.process_time() - start < 2
    assert sorted(table.name) == sorted(card.name for family in families().values() for card in family.cards)
    count = len(checkpoints.table())
    assert (table.family[:count] == "passt").all()
    assert (table.family[count:] != "passt").all()
    assert table[OF_PASST][:count].notna().all(axis=None)
    assert table[OF_PASST][count:].isna().all(axis=None)
    at_32_khz = table[table.family.isin(["passt", "panns", "efficientat"])]
    assert (at_32_khz.hop_ms == at_32_khz.hop / 32).all()
    assert table.hop.drop(at_32_khz.index).isna().all()
    cards = {card.name: card for family in families().values() for card in family.cards}
    for row in table.itertuples():
        card = cards[row.name]
        assert (row.sample_rate, row.levels, row.spec) == (card.sample_rate, card.levels, str(card.spec()))
        assert (None if pd.isna(row.min_window_ms) else row.min_window_ms) == card.min_window_ms


def test_what_a_row_says():
    put(NAME, b"x" * 2_500_000)
    table = models_table().set_index("name")
    row = table.loc[NAME]
    assert (row.alias, row.hop, row.hop_ms, row.stride, row.token_ms) == ("stfthop160", 160, 5.0, "10x10", 50.0)
    assert row.tokens_10s == 12 * 199 + 2  # Koutini et al. 2022, Table 2
    assert 86e6 < row.parameters < 87e6
    assert (row.audioset_mAP, row.trained_on) == (0.473, "AudioSet")
    assert (row.cached, row.cached_bytes, row.file) == (True, 2_500_000, str(load.place(checkpoints.get(NAME))))
    rows = [*checkpoints.table().values(), *cnns.table().values()]
    shipped = [row.name for row in rows if row.shipped and row.shipped.is_file()]
    assert table.index[table.cached.fillna(False)].tolist() == [NAME, *shipped]
    twenty = table.loc["passt-s-f128-20sec-p16-s10-ap474-swa"]
    assert twenty.tokens_10s == table.loc["passt_s_swa_p16_128_ap476"].tokens_10s == 1190
    assert (twenty.min_window_ms, twenty.max_window_ms) == (151, 20000)


def test_baselines_say_what_they_cost_and_take():
    table = models_table().set_index("name")
    crepe = table.loc["crepe_full"]
    assert (crepe.sample_rate, crepe.parameters) == (16000, 22_239_976)
    assert 50 < crepe.gmacs_10s < 60
    assert pd.isna(crepe.min_window_ms)
    assert pd.isna(crepe.cached)
    assert table.loc["logmel"].parameters == 0
    assert table.loc[["logmel", "melproj"]].gmacs_10s.isna().all(), "the front end is all that they compute"
    assert table.loc["melproj"].weights == ("untrained",)


def test_the_text_fits_a_terminal_and_has_no_gaps(other_family):
    put(NAME, b"x" * 343_200_000)
    text = to_text(models_table())
    assert max(map(len, text.splitlines())) <= 160
    assert "343.2 MB" in text
    assert "passt_s_swa_f128_stfthop160_p16_s10_ap473 (stfthop160)" in text
    assert not {"nan", "<na>", "none"} & set(text.lower().split())
    lines = [line.split() for line in text.splitlines()]
    assert [
        "passt",
        "mel",
        "melmean",
        "block1..block12",
        "block1.patches..block12.patches",
        "features",
        "logits",
    ] in lines
    assert ["crepe", "layer1.mean..layer6.mean", "layer2..layer6", "logits"] in lines
    assert ["other_free", "embedding"] in lines
    assert ["others", "b1", "b2", "embedding"] in lines


@pytest.mark.parametrize(
    ("levels", "text"),
    [
        ("mel block1 block1.patches block2 block2.patches block3 block3.patches logits", None),
        ("b5 b11 b13 b15", "b5 b11 b13 b15"),
        ("se1 se2 clf", "se1 se2 clf"),
        ("mean std", "mean std"),
        ("x3 x4 x5 x7", "x3 x4 x5 x7"),
    ],
)
def test_levels_in_one_line(levels, text):
    wanted = text or "mel block1..block3 block1.patches..block3.patches logits"
    assert compressed(levels.split()) == wanted


def test_the_list_is_written_as_data(tmp_path):
    found = run(models, "--csv", tmp_path / "models.csv", "--json", tmp_path / "models.json")
    assert found.exit_code == 0, found.output
    table = models_table()
    flat = pd.read_csv(tmp_path / "models.csv")
    assert list(flat.columns) == list(table.columns)
    assert [tuple(levels.split()) for levels in flat.levels] == list(table.levels)
    rows = json.loads((tmp_path / "models.json").read_text())
    assert [row["name"] for row in rows] == list(table.name)
    assert [tuple(row["levels"]) for row in rows] == list(table.levels)
    assert rows[0]["parameters"] == table.parameters[0]
    (tmp_path / "folder").mkdir()
    found = run(models, "--csv", tmp_path / "folder")
    assert found.exit_code == 1
    assert found.output.startswith("Error: ")
    assert len(found.output.splitlines()) == 1


def test_named_models_are_shown_in_full(tmp_path):
    found = run(models, "stfthop160", "hop160-base", "crepe_tiny", "--csv", tmp_path / "some.csv")
    assert found.exit_code == 0, found.output
    passt, crepe = found.output.strip().split("\n\n")  # two names of one model
    checkpoint = checkpoints.get(NAME)
    assert passt.startswith(f"{NAME} (stfthop160)\n")
    assert set(checkpoint.levels) <= set(passt.split())
    for said in (
        "160 samples, 5 ms",
        "76 to 10000 ms",
        "86,231,326",
        checkpoint.url,
        "untrained-SEED",
        "\n  cached       no",
    ):
        assert said in passt
    assert crepe.startswith("crepe_tiny\n")
    assert "\n  windows      its own\n" in crepe
    assert not {"source", "cached", "stride", "nan", "<NA>"} & set(crepe.split())
    assert list(pd.read_csv(tmp_path / "some.csv").name) == [NAME, "crepe_tiny"]
    found = run(models, "nonsense")
    assert found.exit_code == 1
    assert found.output.startswith("Error: unknown checkpoint 'nonsense'")


def test_names_go_on_behind_one_that_fails():
    path = put(NAME)
    found = run(download, "openmic", "nonsense", "stfthop160")
    assert found.exit_code == 1
    lines = found.output.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("Failed: openmic")
    assert "PASST_OFFLINE" in lines[0]
    assert lines[1].startswith("Failed: unknown checkpoint 'nonsense'")
    assert lines[2] == f"stfthop160: {path} (0.0 MB)"
    assert recorded(path) == sha256_of(path)
    assert run(download, NAME).exit_code == 0
    path.write_bytes(b"damaged")
    found = run(download, NAME)
    assert found.exit_code == 1
    assert "was recorded at its first use" in found.output


def test_files_of_every_family_are_fetched(other_family):
    path = load.folder() / "other.pth"
    path.write_bytes(b"weights")
    found = run(download, "other", "other_free", "logmel")
    assert found.exit_code == 1
    lines = found.output.splitlines()
    assert lines[0] == f"other: {path} (0.0 MB)"
    assert [line.split(": no file to fetch")[0] for line in lines[1:]] == ["Failed: other_free", "Failed: logmel"]
    assert models_table(["other"]).cached.tolist() == [True]


def test_all_is_every_published_one(other_family):
    found = run(download, "--all")
    assert found.exit_code == 1
    failed = [line.removeprefix("Failed: ").split(":")[0] for line in found.output.splitlines()]
    fetched = [name for name, row in (checkpoints.table() | cnns.table()).items() if not row.shipped]
    assert failed == [*fetched, "other"]


@pytest.mark.parametrize("args", [[], ["--all", NAME]])
def test_nothing_to_fetch_is_a_usage_error(args):
    found = run(download, *args)
    assert found.exit_code == 2
    assert "name models to fetch, or --all" in found.output


def test_a_hear_module_says_nothing_of_what_only_it_knows():
    found = CliRunner().invoke(models, ["hear:passt.hear?spec=base"])
    assert found.exit_code == 0, found.output
    assert ["sample", "rate", "its", "own"] in [line.split() for line in found.output.splitlines()]


def test_weights_that_no_memory_holds_are_not_hashed(tmp_path):
    with (tmp_path / "huge.pt").open("wb") as file:
        file.truncate(9 << 40)
    with pytest.raises(ValueError, match=r"weights: .*huge.pt would take 9895.6 GB of memory"):
        resolve_with_file("base", tmp_path / "huge.pt")
