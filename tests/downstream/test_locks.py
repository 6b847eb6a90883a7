"""Readers share a folder of the store, writers have it alone."""

import pytest

from downstream.locks import USED, held, in_use


def is_free(path) -> bool:
    """Whether a writer could have the lock now."""
    try:
        with held(path, wait=False):
            return True
    except BlockingIOError:
        return False


def test_readers_do_not_lock_each_other_out(tmp_path):
    used = tmp_path / USED
    with in_use([tmp_path]), held(used, shared=True, wait=False), held(used, shared=True, wait=False):
        assert not is_free(used)
    assert is_free(used)


def test_a_writer_has_a_file_alone(tmp_path):
    lock = tmp_path / "folder" / ".lock"
    with held(lock):
        assert not is_free(lock)
        with pytest.raises(BlockingIOError), held(lock, shared=True, wait=False):
            pass
