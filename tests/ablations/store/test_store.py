"""`ablate store`: what is there, what is wrong, what may go."""

import io
import os
import time

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.store.listing import prune, store_table
from downstream.disk.locks import in_use
from downstream.tasks.clip_cache import keep_clip
from tests.downstream.store.test_check import earlier
from tests.downstream.stores import A, B, made

DAY = 86400


def invoke(*arguments):
    return CliRunner().invoke(main, ["store", *map(str, arguments)])


def used(folder, days: float) -> None:
    """As if it was used so many days ago."""
    path = folder.path / ".used"
    path.touch()
    os.utime(path, (time.time() - days * DAY,) * 2)


@pytest.fixture
def root(tmp_path):
    """Two embedders' taps, an unfinished extraction of a third, and what else lies in a store."""
    for letter, name, days in (("a", "narrow", 40), ("c", "wide", 2)):
        used(made(tmp_path, embedder=letter * 16, name=name), days)
    made(tmp_path, taps=(A,), embedder="d" * 16, name="begun", stop=True)
    keep_clip(tmp_path / "audio" / "0.npy", np.zeros(10, np.float32))
    return tmp_path


def test_what_is_there(root):
    table = store_table(root)
    assert table["embedder"].tolist() == ["narrow", "wide", "begun", ""]
    assert table["state"].tolist() == ["complete", "complete", "partial", "complete"]
    assert table["items"].tolist() == [3, 3, 2, 1]
    assert table["rows"].tolist()[:3] == [7, 7, 3]
    assert table["taps"].tolist()[0] == ("features@160", "mel@own")
    assert table["dims"].tolist()[0] == (3, 2)
    assert set(table["clips"][:3]) == {"beeps"}
    assert table["bytes"].gt(0).all()
    ages = (pd.Timestamp.now(tz="UTC") - table["last_used"][:2]).dt.total_seconds() / DAY
    assert ages.round().tolist() == [40, 2]


def test_it_is_listed_where_files_are_faulty(root):
    for path in root.glob("a*/*/*/*/index.npz"):
        path.write_bytes(b"")
    for path in root.glob("c*/*/*/*/*.npy"):
        path.write_bytes(b"")
    for path in root.glob("d*/*/*/*/.partial-*/plan.json"):
        path.write_bytes(b"")
    assert store_table(root)["state"].tolist() == ["faulty", "faulty", "partial", "complete"]


def test_ls_says_what_takes_room(root):
    shown = invoke("ls", "--store", root)
    assert shown.exit_code == 0, shown.output
    assert "narrow" in shown.output
    assert "2: features@160, mel@own" in shown.output
    assert "(resampled clips)" in shown.output
    assert " in all" in shown.output
    assert len(pd.read_csv(io.StringIO(invoke("ls", "--store", root, "--csv").output))) == 4


def test_check_ends_with_1_until_it_is_fixed(root):
    assert invoke("check", "--store", root, "--full").exit_code == 0
    (index,) = root.glob("a*/*/*/*/index.npz")
    index.write_bytes(b"")
    found = invoke("check", "--store", root)
    assert found.exit_code == 1
    assert f"{index}: not what was written here" in found.output
    assert invoke("check", "--store", root, "--fix").exit_code == 0
    assert invoke("check", "--store", root, "--full").exit_code == 0
    assert store_table(root)["embedder"].tolist() == ["wide", "begun", "", ""]


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ({"older_than_s": 30 * DAY}, ["wide", "begun"]),
        ({"models": ["wi*"]}, ["narrow", "begun"]),
        ({"models": ["cccc"]}, ["narrow", "begun"]),
        ({"partial": True}, ["narrow", "wide"]),
        ({"keep_bytes": 0}, []),
        ({"older_than_s": 30 * DAY, "models": ["wide"]}, ["narrow", "wide", "begun"]),
    ],
)
def test_what_goes(root, conditions, left):
    promised = prune(root, **conditions, dry_run=True)
    assert len(store_table(root)) == 4
    gone = prune(root, **conditions)
    assert gone["path"].tolist() == promised["path"].tolist()
    table = store_table(root)
    assert [name for name in table["embedder"] if name] == left
    assert sorted(path.name[0] for path in root.iterdir() if len(path.name) == 16) == sorted(
        {"narrow": "a", "wide": "c", "begun": "d"}[name] for name in left
    )


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_where_nothing_may_go_nothing_does(root, tmp_path_factory, dry):
    for store, age in ((root, "90d"), (tmp_path_factory.mktemp("empty"), "30d")):
        before = store_table(store)["path"].tolist()
        done = invoke("prune", "--store", store, "--older-than", age, *dry)
        assert (done.exit_code, done.exception) == (0, None)
        assert done.output == f"0 B {'would be removed' if dry else 'removed'}\n"
        assert store_table(store)["path"].tolist() == before
        assert prune(store, older_than_s=90 * DAY)["removed"].dtype == bool


def test_the_least_recently_used_go_until_there_is_room(root):
    sizes = store_table(root).set_index("embedder")["bytes"]
    prune(root, keep_bytes=int(sizes["wide"] + sizes["begun"]))
    assert store_table(root)["embedder"].tolist() == ["wide", "begun", ""]


def test_what_a_running_process_uses_stays(root):
    (folder,) = root.glob("a*/*/*/t50")
    with in_use([folder]):
        refused = invoke("prune", "--store", root, "--model", "narrow")
        assert f"{folder}: in use by a running process, kept" in refused.stderr
        assert (folder / "features@160.npy").is_file()
    assert invoke("prune", "--store", root, "--model", "narrow").exit_code == 0
    assert not folder.exists()
    made(root, taps=(B,))  # a lock that was removed is made anew
    assert store_table(root)["embedder"].tolist()[0] == "narrow"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prune"], "prune needs at least one of"),
        (["prune", "--older-than", "soon"], "--older-than must be a number with one of m, h, d, w, such as 30d"),
        (["prune", "--keep", "5X"], "--keep must be a number with one of K, M, G, T, such as 50G, got '5X'"),
        (["ls", "--store", "/nowhere/at/all"], "no store at /nowhere/at/all"),
        (["check", "--store", "/nowhere/at/all"], "no store at /nowhere/at/all"),
    ],
)
def test_wrong_options_end_in_one_line(root, arguments, message):
    found = invoke(*arguments, *([] if "--store" in arguments else ["--store", root]))
    assert found.exit_code == 1
    assert message in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1


def test_nothing_to_remove(root):
    gone = invoke("prune", "--store", root, "--older-than", "90d")
    assert gone.exit_code == 0
    assert gone.output.splitlines()[-1] == "0 B removed"


@pytest.mark.parametrize("damage", ["index cut", "index absent", "record", "a folder in place of a tap", "plan"])
def test_every_command_copes_with_a_faulty_folder(root, damage):
    (folder,) = root.glob("a*/*/*/t50")
    if damage == "index cut":
        os.truncate(folder / "index.npz", 100)
    elif damage == "index absent":
        (folder / "index.npz").unlink()
    elif damage == "record":
        (folder / "mel@own.json").write_text("[]")
    elif damage == "a folder in place of a tap":
        (folder / "mel@own.npy").unlink()
        (folder / "mel@own.npy").mkdir()
    else:
        (plan,) = root.glob("d*/*/*/*/.partial-*/plan.json")
        plan.write_text("[1]")
    assert invoke("ls", "--store", root).exit_code == 0
    if damage not in ("plan", "a folder in place of a tap"):
        assert store_table(root)["state"][0] == "faulty"
    assert invoke("check", "--store", root, "--full", "--fix").exit_code == 0
    assert invoke("prune", "--store", root, "--keep", "0").exit_code == 0
    assert not list(root.glob("[a-d]*/*/*/*/features*"))


def test_what_lies_behind_a_link_is_never_removed(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    folder = made(outside, embedder="e" * 16)
    (root / ("e" * 16)).symlink_to(outside / ("e" * 16))
    (outside / "audio").mkdir()
    assert len(store_table(root)) == 5, "it is listed"
    gone = prune(root, keep_bytes=0)
    assert str(outside) not in "".join(map(str, gone["path"]))
    assert folder.missing([A, B], full=True) == []


def test_what_an_earlier_version_made_can_be_removed(tmp_path):
    earlier(tmp_path)
    made(tmp_path, embedder="c" * 16)
    assert store_table(tmp_path)["state"].tolist()[:2] == ["earlier", "complete"]
    assert invoke("check", "--store", tmp_path, "--full").exit_code == 0
    assert invoke("prune", "--store", tmp_path, "--earlier").exit_code == 0
    assert store_table(tmp_path)["state"].tolist()[0] == "complete"
    assert not list((tmp_path / "audio").iterdir())


@pytest.mark.parametrize("command", [["check"], ["prune", "--older-than", "90d"]])
def test_temporary_files_of_killed_runs_are_swept(root, command):
    for folder in (root / "audio", *root.glob("a*/*/*/t50")):
        left = folder / f".clip.npy.{'0' * 32}.tmp"
        left.touch()
        os.utime(left, (0, 0))
    assert invoke(*command, "--store", root).exit_code == 0
    assert not list(root.rglob(".*.tmp"))
