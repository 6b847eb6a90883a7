"""The process in which tests on the pretended device run."""

import sys

import torch

from tests.pretended_cuda import process


def test_this_process_has_no_device():
    assert not process.IN_CHILD
    assert torch.version.cuda is not None or not torch.cuda.is_available()


def test_a_process_that_ends_early_fails_its_tests_and_is_not_started_again(request, tmp_path):
    child = process.Child(request.session)
    code = f"open({str(tmp_path / 'starts')!r}, 'a').write('x'); print('no compiler'); raise SystemExit(1)"
    child.command = [sys.executable, "-c", code]
    for _ in range(2):
        (report,) = child.reports(request.node, None)
        assert report.failed
        assert "no compiler" in report.longrepr
    assert (tmp_path / "starts").read_text() == "x"


def test_the_table_of_tests_that_need_a_gpu_has_no_others(request):
    for name in process.CANT_SHOW:
        path, _, function = name.partition("::")
        text = (request.config.rootpath / path).read_text()
        assert f"@pytest.mark.gpu\ndef {function}(" in text
