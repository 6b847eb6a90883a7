import pytest

from downstream.probes.protocol import Protocol
from downstream.tasks.task import Task


def test_the_grid_is_the_kits_eight_of_sixteen(scene_task):
    tried = [(c.hidden_layers, c.lr, c.init) for c in Protocol().configurations(Task.from_dir(scene_task()))]
    assert tried == [
        (1, 1e-4, "xavier_normal"),
        (2, 1e-3, "xavier_uniform"),
        (1, 1e-3, "xavier_normal"),
        (1, 3.2e-4, "xavier_normal"),
        (2, 3.2e-4, "xavier_normal"),
        (2, 3.2e-4, "xavier_uniform"),
        (2, 3.2e-3, "xavier_normal"),
        (2, 3.2e-3, "xavier_uniform"),
    ]


def test_settings_of_a_task(scene_task):
    (config, *_) = Protocol().configurations(Task.from_dir(scene_task(evaluation_params={})))
    assert (config.max_epochs, config.check_val_every_n_epoch, config.patience, config.batch_size) == (500, 3, 20, 1024)
    assert (config.hidden_dim, config.dropout) == (1024, 0.1)
    (config, *_) = Protocol().configurations(
        Task.from_dir(scene_task(task_name="dcase2016_task2", evaluation_params={}))
    )
    assert config.check_val_every_n_epoch == 10
    own = {"task_specific_param_grid": {"max_epochs": [50], "check_val_every_n_epoch": [1]}}
    (config, *_) = Protocol().configurations(Task.from_dir(scene_task(evaluation_params=own)))
    assert (config.max_epochs, config.check_val_every_n_epoch) == (50, 1)
    both = Task.from_dir(scene_task(task_name="dcase2016_task2", evaluation_params=own))
    assert Protocol().configurations(both)[0].check_val_every_n_epoch == 1, "a task's own settings go first"


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ([50], r"task_specific_param_grid must be an object, got \[50\]"),
        ({"max_epochs": [10**400]}, "max_epochs, number 1, must be a number, got a whole number of about 401 digits"),
        ({"max_epoch": [50]}, "task_specific_param_grid: unknown setting 'max_epoch'"),
        ({"max_epochs": [10, 50]}, "max_epochs must be a list of one number"),
        ({"lr": [1e-3]}, "unknown setting 'lr'"),
        ({"max_epochs": [50.5]}, "task_metadata.json: .*max_epochs must be a whole number of at least 1, got 50.5"),
        ({"max_epochs": [2]}, "task_metadata.json: .*max_epochs must be at least 3, got 2"),
        ({"check_val_every_n_epoch": [0]}, "check_val_every_n_epoch must be a whole number of at least 1, got 0"),
        ({"batch_size": [1]}, "batch_size must be a whole number of at least 2, got 1"),
        ({"hidden_dim": [True]}, "hidden_dim, number 1, must be a number, got True"),
        ({"dropout": [1]}, "dropout must be at least 0 and below 1, got 1"),
        ({"dropout": [-0.1]}, "dropout must be at least 0 and below 1, got -0.1"),
    ],
)
def test_broken_settings_of_a_task_are_named(scene_task, own, message):
    task = Task.from_dir(scene_task(evaluation_params={"task_specific_param_grid": own}))
    with pytest.raises(ValueError, match=message):
        Protocol().configurations(task)


def test_text_form():
    assert Protocol.parse("hear2021") == Protocol()
    found = Protocol.parse("hear2021+standardized+grid16")
    assert found == Protocol(grid_points=16, standardized=True)
    assert str(found) == "hear2021+grid16+standardized"
    assert Protocol.parse(str(found)) == found
    assert str(Protocol.parse("hear2021+grid8")) == "hear2021"
    assert Protocol.parse("hear2021+linear+limit20") == Protocol(linear=True, limit=20)
    assert str(Protocol.parse("hear2021+linear+limit20")) == "hear2021+limit20+linear"
    assert Protocol.parse("hear2021+tf32+linear") == Protocol(linear=True, tf32=True)
    assert str(Protocol(tf32=True, shuffled=True)) == "hear2021+shuffled+tf32"


@pytest.mark.parametrize(
    "text",
    [
        *("hear2022", "hear2021+full", "hear2021+grid0", "hear2021+grid17", "hear2021+grid4+grid5"),
        *("hear2021+limit0", "hear2021+limit", "hear2021+limit-1", "hear2021+limit2+limit3", "hear2021+limit02"),
        *("hear2021+grid_points", "grid16", "hear2021+linear+linear", "hear2021+tf32+tf32", "", "hear2021+"),
    ],
)
def test_an_unknown_protocol(text):
    with pytest.raises(ValueError, match=r"unknown protocol .*, expected hear2021, behind it \+grid1 to \+grid16"):
        Protocol.parse(text)


def test_options_change_the_grid(scene_task):
    task = Task.from_dir(scene_task())
    kit, full = Protocol().configurations(task), Protocol(grid_points=16).configurations(task)
    assert full[:8] == kit
    assert len(set(full)) == 16
    linear = Protocol(linear=True).configurations(task)
    assert len(set(linear)) == 8
    assert {config.hidden_layers for config in linear} == {0}
