"""What holds for every piece of the project's work that is done on the pretended device here."""

import pytest

from tests.pretended_cuda.allowed_waits import others


@pytest.fixture
def pretended_cuda(pretended_cuda):
    """The pretended device, for which the code may only wait where `allowed_waits` says so."""
    yield pretended_cuda
    if places := others(pretended_cuda.waits):
        pytest.fail("the host waits for the device where it need not:\n" + "\n".join(places), pytrace=False)
