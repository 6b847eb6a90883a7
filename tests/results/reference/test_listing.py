"""Published scores filtered by protocol, year and task, and the list of sets."""

import re

import pytest

from results.reference.listing import filtered, parse_period, sets, years
from results.reference.published import published, set_of
from results.reference.sets import SETS

EVERYTHING = published(SETS)


def left(**filters) -> dict[str, int]:
    """The number of scores that filters leave of each set."""
    return set_of(filtered(EVERYTHING, **filters)).value_counts(sort=False).to_dict()


def test_the_list_counts_every_score():
    table = sets()
    assert table.index.tolist() == list(SETS)
    assert table["scores"].sum() == len(EVERYTHING)
    assert table.loc["leaderboard", ["models", "tasks", "scores", "years"]].tolist() == [34, 19, 616, "2021..2023"]
    assert table.loc["dasheng", ["scores", "read_off", "tolerance"]].tolist() == [54, 42, 0.005]
    assert table.loc["usad", ["years", "protocol"]].tolist() == ["2025", "hear2021-usad"]
    assert table.loc["reruns", "years"] == "not known"


def test_no_filter_leaves_everything():
    assert len(filtered(EVERYTHING)) == len(EVERYTHING)


def test_by_protocol():
    assert left(protocols=["hear2021-usad"]) == {"usad": 114}
    assert left(protocols=["hear2021-usad", "hear2021-10seeds"]) == {"usad": 114, "mwmae": 20}
    assert not {"usad", "mwmae"} & set(left(protocols=["hear2021"]))


def test_by_year():
    assert left(period="2025") == {"usad": 114, "gram": 149, "wavjepa": 154}
    assert left(period="2024") == {"mwmae": 20, "dasheng": 54}
    assert left(period="2023") == {"leaderboard": 95, "ced": 76}, "two of EfficientAT and three of CED"
    assert left(period="2021") == {"leaderboard": 616 - 95}
    assert sum(left(period="1990..2100").values()) == len(EVERYTHING) - 44, "the year of re-runs is not known"


def test_by_task_and_all_together():
    assert set(filtered(EVERYTHING, tasks=["esc50"])["task"]) == {"esc50"}
    rows = filtered(EVERYTHING, ["hear2021"], "2022..2025", ["esc50", "beehive"])
    assert set(rows["task"]) == {"esc50", "beehive"}
    assert set(rows["protocol"]) == {"hear2021"}
    assert years(rows).between(2022, 2025).all()
    assert sets(rows).loc["gram", ["models", "tasks", "scores"]].tolist() == [14, 1, 14]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"protocols": ["hear2021-usda"]}, "unknown protocol 'hear2021-usda' (did you mean 'hear2021-usad'?)"),
        ({"tasks": ["esc5"]}, "unknown task 'esc5' (did you mean 'esc50'?); `ablate tasks` lists all 19"),
        ({"period": "20"}, "year must be one such as 2024, or the first and the last such as 2022..2026, got '20'"),
        ({"period": "2026..2022"}, "got '2026..2022'"),
        ({"period": "2022.."}, "got '2022..'"),
        ({"period": "..2022"}, "got '..2022'"),
        ({"period": "2022-2026"}, "got '2022-2026'"),
    ],
)
def test_what_cannot_be_is_one_line(filters, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        filtered(EVERYTHING, **filters)
    assert "\n" not in str(error.value)


def test_periods():
    assert parse_period("2024") == (2024, 2024)
    assert parse_period("2022..2026") == (2022, 2026)
