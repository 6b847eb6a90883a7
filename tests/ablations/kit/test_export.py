"""What `ablate export` writes reads back as what the store gives."""

import numpy as np
import pytest

from ablations.kit.export import export, extracted
from ablations.models import registry
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream.kit import read
from downstream.splits import item_order
from downstream.tasks.task import Task

CPU = Machine("cpu")


@pytest.mark.parametrize("kind", ["scene_task", "event_task"])
@pytest.mark.parametrize("small", [True, False])
def test_a_folder_reads_back_as_the_store_gives_it(kind, small, request, tmp_path, monkeypatch):
    folder = request.getfixturevalue(kind)()
    if not small:  # rows are read from the store as they are needed, and written in chunks
        monkeypatch.setattr("downstream.probes.features.PIECE_BYTES", 4 * 256 * 5)
    (target,) = export("logmel", str(folder), tmp_path / "out", where=Where(store=tmp_path / "store"), machine=CPU)
    assert target == tmp_path / "out" / folder.name
    task, splits = read.read_folder(target)
    spec = registry.resolve("logmel")
    expected = extracted([registry.build(spec, device="cpu")], spec, Task.from_dir(folder), tmp_path / "store")
    for split, data in expected.items():
        assert list(splits[split].files) == list(data.files) == item_order(task)[split]
        assert np.array_equal(splits[split].x, data.x[:])
        for name in ("y", "offsets", "timestamps"):
            assert np.array_equal(getattr(splits[split], name), getattr(data, name)), name
    assert splits["train"].x.shape[1] == 256
    assert task.is_event == bool(len(splits["train"].timestamps))


def test_another_model_writes_other_numbers(scene_task, tmp_path):
    folder = scene_task()
    widths = {}
    for spec in ("logmel@mean", "logmel@std"):
        (target,) = export(spec, str(folder), tmp_path / spec, where=Where(store=tmp_path / "store"), machine=CPU)
        widths[spec] = read.read_folder(target)[1]["test"].x[:]
    assert widths["logmel@mean"].shape == widths["logmel@std"].shape == (6, 128)
    assert not np.allclose(widths["logmel@mean"], widths["logmel@std"])


def test_what_is_there_is_kept_and_nothing_is_computed(scene_task, tmp_path, monkeypatch):
    folder = scene_task()
    (tmp_path / "out" / folder.name).mkdir(parents=True)
    monkeypatch.setattr(registry, "build", lambda *_, **__: pytest.fail("a model was built"))
    with pytest.raises(FileExistsError, match="is there already"):
        export("logmel", str(folder), tmp_path / "out", where=Where(store=tmp_path / "store"))


def test_what_cannot_be_exported_is_named(scene_task, tmp_path):
    places = {"out": tmp_path / "out", "where": Where(store=tmp_path / "store"), "machine": CPU}
    with pytest.raises(ValueError, match="its only level is mel, and tones is a scene task"):
        export("base@mel@untrained-0", str(scene_task()), **places)
    with pytest.raises(FileNotFoundError, match="task 'nowhere' is absent"):
        export("logmel", "nowhere", **places)
    with pytest.raises(ValueError, match="weights are given twice: 'untrained-0' in the spec, and the file a.pt"):
        export("base@untrained-0", str(tmp_path / "tones"), weights="a.pt", **places)
    with pytest.raises(ValueError, match="pooling 'weighted' is a part of probes; expected a spec without it"):
        export("passt_demo@block1+block2@weighted", str(tmp_path / "tones"), **places)
    with pytest.raises(FileNotFoundError, match="weights: no file at"):
        export("base", str(tmp_path / "tones"), weights=tmp_path / "a.pt", **places)
    assert not (tmp_path / "out").exists()


def test_a_precision_that_would_be_ignored_is_refused(scene_task, tmp_path):
    with pytest.raises(ValueError, match="logmel: precision must be fp32, got 'bf16'"):
        export(
            "logmel",
            str(scene_task()),
            tmp_path / "out",
            where=Where(store=tmp_path / "store"),
            machine=Machine("cpu", "bf16"),
        )


def test_models_side_by_side_are_written_side_by_side(event_task, tmp_path):
    folder, where = event_task(), Where(store=tmp_path / "store")
    widths = {}
    for spec in ("logmel@t250", "melproj@t500", "logmel@t250 ++ melproj@t500"):
        (target,) = export(spec, str(folder), tmp_path / spec.replace(" ", ""), where=where, machine=CPU)
        split = read.read_folder(target)[1]["test"]
        widths[spec] = split.x.shape[1]
    assert widths["logmel@t250 ++ melproj@t500"] == widths["logmel@t250"] + widths["melproj@t500"]
    assert set(split.timestamps % 500) == {0}
