"""The table of engines."""

import subprocess
import sys

import pytest

from ablations.engines import ENGINES, make_engine


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_has_what_a_run_asks_for(name):
    if name == "ray":
        pytest.importorskip("ray", reason="workers need Ray, the extra ray")
    engine = make_engine(name, **({"count": 1} if name == "ray" else {}))
    assert engine.device("cpu") == "cpu"
    assert callable(engine.check)
    assert callable(engine.results)


def test_an_unknown_engine_is_named():
    with pytest.raises(ValueError, match="engine must be one of here, ray, got 'slurm'"):
        make_engine("slurm")


def test_the_table_loads_neither_torch_nor_ray():
    code = "import sys, ablations.engines; assert not {'torch', 'ray'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
