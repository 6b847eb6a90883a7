"""The plan of HEAR on a GPU."""

from tests.campaigns.pack_plan import LABELS, MODELS, evaluations, measure, together


def test_units_that_wait_take_fewer_packs_and_steps():
    every, shared, small, small_shared = measure().rows
    folders = len(LABELS) + 1  # two of Beehive
    assert every["evaluations"] == shared["evaluations"] == len(MODELS) * folders
    assert shared["packs"] < 0.7 * every["packs"]
    assert small_shared["steps"] < 0.25 * small["steps"]
    for alone, joint in ((every, shared), (small, small_shared)):
        assert joint["steps"] < alone["steps"]
        assert joint["minutes"] < alone["minutes"]
        assert min(alone["minutes"], joint["minutes"]) >= joint["least_minutes"]


def test_every_evaluation_is_trained_once():
    made = list(evaluations())
    assert [one for group in together(made) for one in group] == made
    assert {one.count for one in made if one.task == "gtzan_genre"} == {8 + 9}
    assert {one.count for one in made if one.task == "fsd50k"} == {8}
