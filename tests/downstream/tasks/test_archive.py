import contextlib
import errno
import gzip
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from downstream.tasks import archive
from downstream.tasks.archive import complete, contents, unpack
from tests.task_archives import content, member, packed, tar_with, with_members

BIG = 10**15
ARCHIVE = Path(__file__).parent / "data" / "hear-2021.0.6-spoken_digit-1.0.9-small-44100.tar.gz"


@pytest.fixture
def task(scene_task):
    return scene_task(clips=2)


@pytest.fixture
def put(tmp_path):
    """Writes an archive into a folder of its own; the task is to come beside it."""

    def write(data: bytes):
        (tmp_path / "tasks").mkdir(exist_ok=True)
        path = tmp_path / "tasks" / "tones.tar.gz"
        path.write_bytes(data)
        return path, tmp_path / "tasks" / "tones"

    return write


def assert_refused(path, folder, match):
    outside = content(folder.parents[1])
    with pytest.raises(ValueError, match=match) as error:
        unpack(path, folder)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("; delete it to fetch it again")
    assert "\n" not in str(error.value)
    assert content(folder.parents[1]) == outside
    assert list(folder.parent.iterdir()) == [path]


@pytest.mark.parametrize("above", ["tasks/", "hear-2021.0.6/tasks/", "./", ""])
def test_a_task_folder_comes_out_as_it_went_in(task, put, above):
    path, folder = put(packed(task, above))
    assert contents(path, "tones").files == len(content(task))
    assert contents(path, "tones").size == sum(map(len, content(task).values()))
    assert unpack(path, folder).folder == folder
    assert content(folder) == content(task)
    assert sorted(folder.parent.iterdir()) == [folder, path]


def test_a_genuine_archive_is_taken(tmp_path):
    """Its clips are nearly silent as published: it is a test of the format alone."""
    folder = tmp_path / "spoken_digit-1.0.9-small"
    found = unpack(ARCHIVE, folder)
    assert found.splits == tuple(f"fold0{i}" for i in range(5))
    assert (found.embedding_type, found.labels) == ("scene", tuple("0123456789"))
    assert len(list(folder.rglob("*.wav"))) == 100


@pytest.mark.parametrize(
    ("added", "match"),
    [
        (member("/tmp/escaped"), "holds '/tmp/escaped', expected names without a root"),
        (member("tasks/tones/../../../escaped"), "without a root"),
        (member("tasks/tones/a\x1b[2Jb"), r"holds 'tasks/tones/a\\x1b\[2Jb', expected names"),
        (member("tasks/tones/link", tarfile.SYMTYPE, linkname="/etc"), "link' of type b'2', a link"),
        (member("tasks/tones/link", tarfile.SYMTYPE, linkname="train.json"), "a link"),
        (member("tasks/tones/link", tarfile.LNKTYPE, linkname="tasks/tones/train.json"), "of type b'1', a link"),
        (member("tasks/tones/pipe", tarfile.FIFOTYPE), "of type b'6'"),
        (member("tasks/tones/null", tarfile.CHRTYPE, devmajor=1, devminor=3), "of type b'3'"),
        (member("tasks/tones/disk", tarfile.BLKTYPE, devmajor=8), "of type b'4'"),
        (member("tasks/tones/sparse", tarfile.GNUTYPE_SPARSE), "of type b'S'|is not whole"),
        (
            member("tasks/tones/sparse", pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}),
            "sparse' of type b'0'",
        ),
        (member("tasks/tones/test.json"), "holds tasks/tones/test.json twice"),
        (member("tasks/tones/./test.json"), "twice"),
        (member("tasks/esc50-v2.0.0-full/test.json"), "holds tasks/esc50-v2.0.0-full/test.json, expected files of the"),
        (member("tasks/tones2/test.json"), "expected files of the task tones/"),
        (member("elsewhere/tones/more.json"), "expected files of the task tones/"),
        (member("tasks/tones/huge.wav", size=BIG), "holds more than"),
        (member("tasks/tones/negative.wav", size=-512), "negative.wav' of -512 bytes"),
        (member("tasks/tones/folder", tarfile.DIRTYPE, size=512), "folder' of 512 bytes|goes on|is not whole"),
    ],
)
def test_whatever_may_not_be_in_it_refuses_the_whole_archive(task, put, added, match):
    assert_refused(*put(with_members(packed(task), [added])), match)


def test_an_archive_of_another_task_is_refused_by_name(task, put):
    path, folder = put(packed(task, name="esc50-v2.0.0-full"))
    assert_refused(path, folder, "holds tasks/esc50-v2.0.0-full.*, expected files of the task tones/")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"<!DOCTYPE html><title>Log in</title>", "begins with b'<!DOCTYPE html><', as no .tar.gz archive does"),
        (b"", "begins with b''"),
        (b"PK\x03\x04zip", "as no .tar.gz archive does"),
        (gzip.compress(b""), "is not whole"),
        (gzip.compress(b"<!DOCTYPE html>" * 100), "is not whole"),
        (gzip.compress(tar_with(b"", [member("tasks", tarfile.DIRTYPE)])), "holds no files"),
    ],
    ids=("page", "empty", "zip", "empty gzip", "gzip of a page", "folder alone"),  # gzip's bytes tell the time
)
def test_what_is_no_archive_is_said_so(put, data, match):
    assert_refused(*put(data), match)


def test_wherever_an_archive_is_cut_or_damaged_it_is_refused(task, put):
    whole = packed(task)
    for cut in (*range(4, len(whole), len(whole) // 20), len(whole) - 8, len(whole) - 1):
        assert_refused(*put(whole[:cut]), "is not whole")
    for place in range(20, len(whole), len(whole) // 20):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        assert_refused(*put(bytes(damaged)), ".")


def test_files_behind_a_broken_header_are_missed(task, put):
    tar = bytearray(gzip.decompress(packed(task)))
    starts = [found.start() for found in re.finditer(rb"tasks/tones/16000/", bytes(tar))]
    tar[starts[1] + 150] ^= 1  # the checksum of a header in the midst, at which tarfile ends without a word
    assert_refused(*put(gzip.compress(bytes(tar))), "goes on after its last file|is not whole")


def test_what_a_header_says_of_its_own_length_is_not_read(task, put):
    long = member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=2 * 10**9).tobuf(tarfile.GNU_FORMAT)
    bomb = gzip.compress(long + bytes(10**7))
    assert len(bomb) < 20_000
    assert_refused(*put(bomb), "a header of 2000000000 bytes, expected at most 1048576")
    assert_refused(*put(gzip.compress(gzip.decompress(packed(task)) + bytes(10**7))), "goes on after its last file")


def test_bounds_on_files_and_bytes(task, put, monkeypatch):
    path, folder = put(packed(task))
    monkeypatch.setattr(archive, "MAX_FILES", 5)
    assert_refused(path, folder, "holds more than 5 files")
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MAX_BYTES", 5000)
    assert_refused(path, folder, "holds more than")


def test_a_task_that_lacks_a_clip_is_refused(task, put):
    (task / "16000" / "test" / "test1.wav").unlink()
    assert_refused(*put(packed(task)), "test1.wav is listed in test.json but absent")
    shutil.rmtree(task / "16000")
    assert_refused(*put(packed(task)), "no audio")
    (task / "labelvocabulary.csv").unlink()
    assert_refused(*put(packed(task)), "labelvocabulary.csv is missing")


def test_a_disk_that_is_too_small_is_said_before_and_in_the_midst(task, put, monkeypatch):
    path, folder = put(packed(task))
    size = contents(path, "tones").size
    with monkeypatch.context() as patch:
        patch.setattr(archive.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 10**4}))
        with pytest.raises(OSError, match=f"tones.tar.gz: .* {size / 1e6:.1f} MB unpacked, but 0.0 MB are free in"):
            unpack(path, folder)
    with monkeypatch.context() as patch:
        patch.setattr(tarfile, "copyfileobj", full)
        with pytest.raises(OSError, match="No space left on device"):
            unpack(path, folder)
    assert list(folder.parent.iterdir()) == [path]
    unpack(path, folder)


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_no_damage_ever_gets_further_than_an_error(task, put, tmp_path):
    tar = gzip.decompress(packed(task))
    headers = [start for start in range(0, len(tar), 512) if tar[start + 257 : start + 262] == b"ustar"]
    places = st.tuples(st.sampled_from(headers), st.integers(0, 511), st.integers(0, 255))

    @settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(places, max_size=4), st.booleans())
    def check(changes, mended):
        damaged = bytearray(tar)
        for start, place, value in changes:
            damaged[start + place] = value
            if mended:
                total = sum(damaged[start : start + 148]) + 8 * 32 + sum(damaged[start + 156 : start + 512])
                damaged[start + 148 : start + 156] = b"%06o\0 " % total
        path, folder = put(gzip.compress(bytes(damaged), 1))
        others = content(task)
        with contextlib.suppress(ValueError):
            unpack(path, folder)
            complete(folder)
            shutil.rmtree(folder)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["tasks", "tones"]
        assert list(folder.parent.iterdir()) == [path]
        assert content(task) == others

    check()
