"""The process in which tests on the pretended device run."""

import subprocess
import sys

import pytest
import torch

from tests.pretended_cuda import build, process

WORKING = """
import torch

def test_there(pretended_cuda):
    assert torch.zeros(1, device="cuda").is_cuda

def test_not_there():
    assert not torch.cuda.is_available()

def test_that_fails(pretended_cuda):
    assert torch.zeros(1, device="cuda").item() == 1
"""
CRASHING = """
import os

def test_that_ends_its_process(pretended_cuda):
    os._exit(3)

def test_after_it(pretended_cuda):
    pass
"""


def pytest_of(folder, code):
    """Run a file of tests as a person would; return what pytest says."""
    (folder / "test_made.py").write_text(code)
    options = ["-p", "no:cacheprovider", "-p", "tests.conftest", "--rootdir", str(folder), "-c", "/dev/null", "-rA"]
    command = [sys.executable, "-m", "pytest", *options, "--import-mode=importlib", str(folder / "test_made.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_this_process_has_no_device():
    assert not process.IN_CHILD
    assert torch.version.cuda is not None or not torch.cuda.is_available()


@pytest.mark.skipif(bool(build.reason_against()), reason=build.reason_against())
def test_reports_are_those_of_the_other_process(tmp_path):
    said = pytest_of(tmp_path, WORKING)
    assert "1 failed, 2 passed" in said
    assert "assert 0.0 == 1" in said


@pytest.mark.skipif(bool(build.reason_against()), reason=build.reason_against())
def test_a_test_that_ends_its_process_fails_alone(tmp_path):
    said = pytest_of(tmp_path, CRASHING)
    assert "1 failed, 1 passed" in said
    assert "the process of the pretended device ended" in said


def test_the_table_of_tests_that_need_a_gpu_has_no_others(request):
    for name in process.CANT_SHOW:
        path, _, function = name.partition("::")
        text = (request.config.rootpath / path).read_text()
        assert f"@pytest.mark.gpu\ndef {function}(" in text
