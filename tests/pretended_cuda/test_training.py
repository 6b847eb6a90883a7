"""Training on the pretended device, as far as it shows; `tests/passt/training/test_train.py` compares with the CPU."""

import pytest

from passt.training.train import train
from tests.passt.training.toy import EVERY_PART, Tones, recipe, rows_of, run


@pytest.mark.parametrize("precision", ["tf32", "bf16"])
def test_a_training_that_is_resumed(pretended_cuda, tmp_path, precision):
    changes = {**EVERY_PART, "precision": precision}
    run(tmp_path / "cpu", evaluation=Tones(), **{**changes, "precision": "fp32"})
    with pretended_cuda.counting() as counts:
        for steps in (5, 12):
            train(recipe(**{**changes, "steps": steps}), Tones(), Tones(), tmp_path / "cuda", "cuda")
    for found, wanted in zip(rows_of(tmp_path / "cuda"), rows_of(tmp_path / "cpu"), strict=True):
        assert float(found["loss"]) == pytest.approx(float(wanted["loss"]), abs=0.01)
    assert (counts.by_tf32 > 0) == (precision == "tf32")
