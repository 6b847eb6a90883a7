"""Readers share a folder of the store, writers have it alone."""

import pytest

from downstream.locks import USED, held, in_use


def test_readers_do_not_lock_each_other_out(tmp_path):
    used = tmp_path / USED
    with in_use([tmp_path]), held(used, shared=True, wait=False), held(used, shared=True, wait=False):
        with pytest.raises(BlockingIOError), held(used, wait=False):
            pass
    with held(used, wait=False):
        pass


def test_a_writer_has_a_file_alone(tmp_path):
    lock = tmp_path / "folder" / ".lock"
    with held(lock):
        for shared in (False, True):
            with pytest.raises(BlockingIOError), held(lock, shared=shared, wait=False):
                pass
