"""The commands of the page on clusters, word for word, where `sbatch` and what it offers are stubs."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.ablations.units.test_unit import assert_same_run
from tests.conftest import run_environment

ROOT = Path(__file__).parents[3]
CLUSTER = ROOT / "ablations" / "engines" / "ray"
SBATCH = re.findall(r"^sbatch .*$", (ROOT / "docs" / "cluster.md").read_text(), flags=re.MULTILINE)
STUDY = {
    "name": "windows",
    "models": [
        {"checkpoint": "logmel", "timestamp_hop_ms": 500},
        {"checkpoint": "crepe_tiny", "timestamp_hop_ms": 500},
    ],
    "tasks": ["digits", "digit_events"],
    "protocol": "hear2021+grid1",
}
STUBS = {
    "ablate": f'exec {sys.executable} -c "from ablations.cli.group import main; main()" "$@"',
    "sbatch": """
        case $1 in
            --array=1-*) last=${1#--array=1-}; shift
                for task in $(seq 1 "$last"); do
                    SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=$last bash "$@" || exit 1
                done ;;
            --nodes=*) shift; SLURM_JOB_NODELIST=node[1-2] bash "$@" ;;
        esac""",
    "srun": """
        while case $1 in --*) true ;; *) false ;; esac; do shift; done
        echo "$RAY_AUTH_MODE $RAY_AUTH_TOKEN" >> token.log
        echo "$@" >> srun.log
        exec "$@" """,
    "scontrol": "echo node1; echo node2",
    "hostname": "echo ${HEAD%:*} 192.0.2.1",
    "ray": "exit 0",
}


@pytest.fixture
def cluster(tmp_path):
    """Runs a command as on a login node, in a folder that has the study and the scripts."""
    (tmp_path / "windows.yaml").write_text(yaml.safe_dump(STUDY))
    shutil.copytree(CLUSTER, tmp_path / "ablations" / "engines" / "ray")
    for name, text in STUBS.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)

    def run(command: str, **settings: str) -> None:
        environment = {
            **run_environment(tmp_path),
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(CLUSTER.parents[1]),
            "RAY_WAIT_S": "0",
            "SLURM_CPUS_PER_TASK": "1",
            **settings,
        }
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    return run


def test_the_page_has_both_ways():
    assert [re.sub("[0-9]+", "N", line.split()[1]) for line in SBATCH] == ["--array=N-N", "--nodes=N"]


@pytest.mark.slow
def test_job_array_and_ray_give_the_files_of_one_process(tmp_path, cluster, request):
    cluster("ablate run windows.yaml --tasks /data/hear/tasks --runs alone")
    cluster(SBATCH[0])
    assert_same_run(tmp_path / "alone/windows", tmp_path / "runs/windows")
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray, an extra, is not installed")
    shutil.rmtree(tmp_path / "runs")
    address = request.getfixturevalue("two_nodes")
    cluster(SBATCH[1], HEAD=address, RAY_PORT=address.split(":")[1], RAY_AUTH_MODE="disabled")  # as that cluster
    assert_same_run(tmp_path / "alone/windows", tmp_path / "runs/windows")
    started = (tmp_path / "srun.log").read_text()
    assert started.count("ray start --head --port=") == 1
    assert started.count(f"ray start --address={address}") == 1


def test_every_node_of_a_job_has_its_token(tmp_path, cluster):
    (tmp_path / "bin" / "ablate").write_text('#!/bin/sh\necho "$RAY_AUTH_MODE $RAY_AUTH_TOKEN" >> token.log\n')
    tokens = []
    for _ in range(2):
        cluster(SBATCH[1], HEAD="192.0.2.1:1")
        (token,) = set((tmp_path / "token.log").read_text().splitlines())
        assert re.fullmatch(r"token [0-9a-f]{64}", token)
        tokens.append(token)
        (tmp_path / "token.log").unlink()
    assert tokens[0] != tokens[1]
