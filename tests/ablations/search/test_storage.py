"""Where trials are kept: journals that a kill cut short, processes that died, another search of the same name."""

import fcntl
import json
import random
from contextlib import suppress

import pandas as pd
import pytest
from optuna.trial import TrialState

from ablations.search.declared import Search
from ablations.search.report import trials_table
from ablations.search.sampling import ask
from ablations.search.storage import AGAIN, JOURNAL, counted, drawn, open_study, take_up_again
from ablations.search.workers import at_work, has_died
from tests.campaigns.mutations import changed_value

SPACE = {"checkpoint": "logmel", "windows_ms": {"low": 80, "high": 640, "points": 9}, "timestamp_hop_ms": [50, 100]}


def made(**changes) -> Search:
    return Search.from_dict({"name": "made", "tasks": ["made"], "space": SPACE, **changes})


def test_a_line_that_a_kill_cut_short_is_none(tmp_path):
    study = open_study(made(), tmp_path, None)
    trial, _ = ask(study, made().space, "random", 0)
    study.tell(trial, 0.5)
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole + b'{"op_code": 4, "worker')
    again = open_study(made(), tmp_path, None)
    assert [trial.value for trial in counted(again)] == [0.5]
    assert (tmp_path / JOURNAL).read_bytes().startswith(whole)
    ask(again, made().space, "random", 0)
    assert all(json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines())


def test_trials_of_a_process_that_died_come_again_first(tmp_path):
    study, space = open_study(made(), tmp_path, None), made().space
    with suppress(KeyboardInterrupt), at_work(tmp_path) as first:
        _, lost = ask(study, space, "random", 0, first)
        raise KeyboardInterrupt
    with at_work(tmp_path) as second:
        _, kept = ask(study, space, "random", 0, second)
        assert has_died(tmp_path, first)
        assert not has_died(tmp_path, second)
        before = drawn(study)
        take_up_again(study, tmp_path, "third")
        trial, variant = ask(study, space, "random", 0, "third")
        assert variant.key == lost.key != kept.key
        assert trial.user_attrs[AGAIN] == 0
        assert drawn(study) == before  # what is drawn next does not depend on the kill
        assert [each.state for each in counted(study)] == [TrialState.RUNNING] * 2
        take_up_again(study, tmp_path, "fourth")  # where the third has no lock, nothing is known of it
        assert len(counted(study)) == 2
    assert not has_died(tmp_path, second)


def test_another_search_of_that_name_is_refused(tmp_path):
    open_study(made(), tmp_path, None)
    open_study(made(trials=99), tmp_path, None)
    with pytest.raises(ValueError, match="holds trials of a search 'made' whose seeds was another; name this one anew"):
        open_study(made(seeds=[1]), tmp_path, None)


@pytest.mark.parametrize("url", ["nonsense", "foo://x", "sqlite:////no/such/folder/x.db"])
def test_a_storage_that_cannot_be_used_is_named(tmp_path, url):
    with pytest.raises(ValueError, match=f"storage {url} can't be used: ") as error:
        open_study(made(), tmp_path, url)
    assert "\n" not in str(error.value)


def test_sqlite(tmp_path):
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    study = open_study(made(), tmp_path, url)
    trial, _ = ask(study, made().space, "random", 0)
    study.tell(trial, 0.5)
    assert [trial.value for trial in counted(open_study(made(), tmp_path, url))] == [0.5]


def test_the_lock_of_a_journal_is_held_by_one(tmp_path):
    open_study(made(), tmp_path, None)
    with (tmp_path / f".{JOURNAL}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free between writes


def _filled(folder, without_sums: bool) -> bytes:
    """A journal of three trials; that of an earlier version has no sums."""
    study = open_study(made(), folder, None)
    for number in range(3):
        trial, _ = ask(study, made().space, "random", 0)
        trial.report(0.25, 1)
        study.tell(trial, number / 4)
    lines = [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]
    assert all("sum" in line for line in lines)
    kept = [{key: value for key, value in line.items() if not (without_sums and key == "sum")} for line in lines]
    (folder / JOURNAL).write_text("".join(f"{json.dumps(line)}\n" for line in kept))
    return (folder / JOURNAL).read_bytes()


def _table(folder):
    return trials_table(open_study(made(), folder, None), made()).drop(columns="seconds")


def test_a_journal_without_sums_is_gone_on_with(tmp_path):
    _filled(tmp_path, without_sums=True)
    study = open_study(made(), tmp_path, None)
    study.tell(ask(study, made().space, "random", 0)[0], 1.0)
    assert [trial.value for trial in counted(open_study(made(), tmp_path, None))] == [0, 0.25, 0.5, 1.0]


def test_a_changed_journal_is_named_in_one_line_and_its_numbers_are_not_taken(tmp_path):
    whole = _filled(tmp_path, without_sums=False)
    lines, before = whole.splitlines(keepends=True), _table(tmp_path)
    draw = random.Random(0)
    changed = [b"".join(lines[:3] + lines[4:]), b"".join([*lines[:3], lines[4], lines[3], *lines[5:]]), whole + b"[]\n"]
    changed += [whole.replace(b'"values": [0.25]', b'"values": [0.75]'), whole.replace(b"0.25", b"true")]
    while len(changed) < 60:
        place = draw.randrange(len(lines))
        line = json.dumps(changed_value(json.loads(lines[place]), draw)).encode() + b"\n"
        changed.append(b"".join([*lines[:place], line, *lines[place + 1 :]]))
    for content in changed:
        if content != whole:
            (tmp_path / JOURNAL).write_bytes(content)
            with pytest.raises(ValueError, match=r"can't be used: line \d+") as error:
                open_study(made(), tmp_path, None)
            assert "\n" not in str(error.value)
    (tmp_path / JOURNAL).write_bytes(whole)
    pd.testing.assert_frame_equal(_table(tmp_path), before)


def test_an_earlier_journal_with_other_types_is_named_in_one_line(tmp_path):
    lines = _filled(tmp_path, without_sums=True).splitlines(keepends=True)
    draw = random.Random(1)
    for _ in range(40):
        place = draw.randrange(len(lines))
        line = json.dumps(changed_value(json.loads(lines[place]), draw)).encode() + b"\n"
        (tmp_path / JOURNAL).write_bytes(b"".join([*lines[:place], line, *lines[place + 1 :]]))
        try:
            _table(tmp_path)
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("text", ['{"a": 1}', "[]", "7", '{"op_code": 77}', "not JSON"])
def test_a_journal_of_another_kind_is_named(tmp_path, text):
    (tmp_path / JOURNAL).write_text(f"{text}\n")
    with pytest.raises(ValueError, match=f"storage .*{JOURNAL} can't be used: ") as error:
        open_study(made(), tmp_path, None)
    assert "\n" not in str(error.value)
