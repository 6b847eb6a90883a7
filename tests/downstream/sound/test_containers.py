"""Files cut short, headers that lie or leave the length open, and what is none of these, by container."""

import contextlib
import functools
import io
import logging
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from downstream.notices import warn_once
from downstream.sound import containers, streams
from downstream.sound.decode import decode, read_header
from downstream.tasks.audio import read_sound

RATE = 32000
SOUND = (0.3 * np.random.default_rng(0).standard_normal(RATE)).clip(-1, 1).astype(np.float32)
TELLING = ["WAV", "WAVEX", "RF64", "W64", "AIFF", "SVX", "AU", "CAF", "VOC", "NIST", "AVR", "MAT4", "MAT5", "MPC2K"]
STREAMS = ["FLAC", "MP3", "OGG"]


@functools.cache
def written(form: str, **options) -> bytes:
    """One second of noise."""
    content = io.BytesIO()
    soundfile.write(content, SOUND, RATE, format=form, **options)
    return content.getvalue()


def read(content: bytes) -> np.ndarray:
    return decode(Path("folder/clip"), content)[0]


def put(content: bytes, place: int, form: str, value: int) -> bytes:
    return content[:place] + struct.pack(form, value) + content[place + struct.calcsize(form) :]


def chunk(content: bytes, name: bytes) -> int:
    return content.index(name)


# name -> the content, where its size is, as what, and the bytes that the size counts beside the 64000 of the samples
SIZES = {
    "WAV": lambda c: (chunk(c, b"data") + 4, "<I", 0),
    "RIFX": lambda c: (chunk(c, b"data") + 4, ">I", 0),
    "RF64": lambda c: (chunk(c, b"ds64") + 16, "<Q", 0),
    "W64": lambda c: (chunk(c, b"data") + 16, "<Q", 24),
    "AIFF": lambda c: (chunk(c, b"SSND") + 4, ">I", 8),
    "AU": lambda c: (8, ">I", 0),
    "CAF": lambda c: (chunk(c, b"data") + 4, ">q", 4),
}


def of_size(name: str, samples: int | None = None, size: int | None = None) -> bytes:
    """A file whose header gives that many samples of two bytes, or that size."""
    content = written("WAV", endian="BIG") if name == "RIFX" else written(name)
    place, form, counted = SIZES[name](content)
    return put(content, place, form, 2 * samples + counted if size is None else size)


@pytest.mark.parametrize("form", [*TELLING, *STREAMS])
def test_whole_files_are_read_as_libsndfile_reads_them(form):
    content = written(form)
    wanted, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    found, found_rate = decode(Path("folder/clip"), content)
    assert np.array_equal(found, wanted)
    assert found_rate == rate
    assert len(found) == RATE


@pytest.mark.parametrize("form", [*TELLING, *STREAMS])
@pytest.mark.parametrize("share", [0.4, 0.99])
def test_a_file_that_was_cut_short_is_said_to_be(form, share):
    content = written(form)
    with pytest.raises(ValueError, match=r"folder/clip: cut short") as error:
        read(content[: int(share * len(content))])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["IRCAM", "PAF", "PVF", "SDS", "XI"])
def test_a_container_that_does_not_tell_whether_it_is_whole_is_refused(form, tmp_path):
    (tmp_path / "clip").write_bytes(written(form))
    for function in (decode, read_header):
        with pytest.raises(ValueError, match=r"clip: a file of .* does not tell .*; convert it to WAV or FLAC"):
            function(tmp_path / "clip")


def test_every_other_container_names_a_file_that_was_cut():
    for form in set(soundfile.available_formats()) - {"RAW", "SD2", "IRCAM", "PAF", "PVF", "SDS", "XI"}:
        content = written(form)
        assert len(read(content)) == RATE
        with pytest.raises(ValueError, match="clip: "):
            read(content[: len(content) // 2])


@pytest.mark.parametrize("name", SIZES)
def test_a_header_that_leaves_sound_out_is_refused(name):
    with pytest.raises(ValueError, match="its header is wrong, it gives 6400 bytes of sound, but 57... bytes more lie"):
        read(of_size(name, RATE // 10))


@pytest.mark.parametrize("name", SIZES)
def test_a_header_that_promises_a_few_bytes_too_many_is_read(name, caplog):
    warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        for samples in (RATE + 4, RATE + 18):
            assert np.array_equal(read(of_size(name, samples))[: RATE - 4], read(written("AIFF"))[: RATE - 4])
    assert caplog.text.count("headers promise a few bytes too many") == 1


@pytest.mark.parametrize("name", SIZES)
def test_a_header_that_promises_much_more_is_refused_before_memory_is_taken(name):
    tracemalloc.start()
    with pytest.raises(ValueError, match="cut short, 6.... bytes where its header promises 100000"):
        read(of_size(name, 500_000_000))
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("WAV", [0, 2**32 - 1, 2**32 - 37, 2**31, 2**31 - 1 - 36, 0x7FFFF000, 0x7FFF0000, 2_000_000_000]),
        ("RIFX", [0, 2**32 - 1, 0x7FFFF000]),
        ("RF64", [0, 2**64 - 1]),
        ("W64", [0, 24, 2**64 - 1, 2**63 - 1]),
        ("AIFF", [0, 8, 2**32 - 1, 2**31 - 1]),
        ("AU", [0, 2**32 - 1, 2**31 - 1]),
        ("CAF", [0, 4, -1]),
    ],
)
def test_a_length_that_was_left_open_is_that_of_the_file(name, sizes, caplog, tmp_path):
    warn_once.cache_clear()
    for size in sizes:
        content = of_size(name, size=size)
        with caplog.at_level(logging.WARNING):
            assert np.array_equal(read(content), read(of_size(name, RATE)))
        (tmp_path / "clip").write_bytes(content)
        assert read_header(tmp_path / "clip").duration == 1.0
    assert caplog.text.count("folder: headers leave the length open") == 1


@pytest.mark.parametrize(
    ("behind", "is_read"),
    [
        (b"LIST\x04\0\0\0INFO", True),
        (b"LIST\x04\0\0\0INFO" + b"id3 \x02\0\0\0ab", True),
        (b"abcd\x08\0\0\0" + b"\xff" * 8, True),
        (b"LIST\xff\xff\0\0" + b"\xff" * 6000, True),  # a list that was cut: the sound is whole
        (b"ID3\x03" + b"\xff" * 9000, True),
        (b"TAG" + b"x" * 125, True),
        (b"\0" * 9000, True),
        (b"\xff" * 300, True),
        (b"\xff" * 9000, False),
        (b"data\xff\x20\0\0" + b"\x01" * 0x20FF, False),
    ],
)
def test_what_may_lie_behind_the_sound(behind, is_read):
    content = written("WAV") + behind
    if is_read:
        assert len(read(content)) == RATE
    else:
        with pytest.raises(ValueError, match="its header is wrong"):
            read(content)


def test_two_files_one_after_the_other_are_not_taken_for_the_first():
    for form in ("WAV", "AIFF", "MP3", "OGG", "FLAC"):
        with pytest.raises(ValueError, match="its header is wrong|holds several sounds"):
            read(2 * written(form))


@pytest.mark.parametrize("name", ["WAV", "AIFF"])
def test_padding_and_chunks_before_the_sound(name):
    content = written(name)
    order, first = ("<I", b"data") if name == "WAV" else (">I", b"SSND")
    place = chunk(content, first)
    odd = b"NAME" + struct.pack(order, 5) + b"hello\0"
    assert np.array_equal(read(content[:place] + odd + content[place:]), read(content))
    assert np.array_equal(read(b"ID3\x03\0\0\0\0\0\x0a" + b"\0" * 10 + written("WAV")), read(written("WAV")))
    pcm = written("WAV")[:44] + b"\x01\x02" * 3 + b"\x03"
    assert len(read(put(pcm, 40, "<I", 7))) == 3  # an odd size without padding


def test_a_file_without_samples_is_called_empty():
    empty = put(written("WAV")[:44], 40, "<I", 0)
    for behind in (b"", b"LIST\x04\0\0\0INFO"):
        with pytest.raises(ValueError, match="0 samples, expected at least 1"):
            read(empty + behind)


def flac_of(samples: int) -> bytes:
    """A FLAC file whose header gives that many samples; 0 is an open length."""
    content = written("FLAC")
    return (
        content[:21]
        + bytes([content[21] & 0xF0 | samples >> 32])
        + struct.pack(">I", samples & 2**32 - 1)
        + content[26:]
    )


def test_flac_headers(tmp_path):
    assert np.array_equal(read(flac_of(0)), read(written("FLAC")))
    (tmp_path / "clip.flac").write_bytes(flac_of(0))
    assert read_header(tmp_path / "clip.flac").duration == 1.0
    for samples in (10 * RATE, 2**36 - 1):
        cut, large = f"cut short, 32000 samples where its header promises {samples}", f"{samples} frames of sound would"
        with pytest.raises(ValueError, match=f"{cut}|{large}"):
            read(flac_of(samples))
    with pytest.raises(ValueError, match="its header is wrong"):
        read(flac_of(RATE // 10))


def mpeg_frames() -> bytes:
    """MPEG frames of several bit rates without a header that gives their number."""
    content = written("MP3")
    return content[streams.frame_bytes(content[:4]) :]


def test_mpeg_frames_of_several_rates_are_read_whole():
    guessed = len(soundfile.read(io.BytesIO(mpeg_frames()))[0])
    assert guessed < RATE / 2  # by the rate of the first frame
    assert RATE <= len(read(mpeg_frames())) <= RATE + 3 * 1152
    with pytest.raises(ValueError, match="cut short, its last frame lacks 100 of ... bytes"):
        read(mpeg_frames()[:-100])


def test_mpeg_tags_are_no_frames():
    sound = read(written("MP3"))
    for before, behind in ((b"", b"TAG" + b"x" * 125), (b"ID3\x03\0\0\0\0\x01\0" + b"\0" * 128, b"")):
        assert np.array_equal(read(before + written("MP3") + behind), sound)
    assert len(read(mpeg_frames() + b"TAG" + b"x" * 125)) == len(read(mpeg_frames()))


@pytest.mark.parametrize("form", ["MP3", "WAV", "FLAC", "OGG"])
def test_what_macos_leaves_beside_a_file_is_not_read(form, tmp_path):
    path = tmp_path / f"clip.{form.lower()}"
    path.write_bytes(written(form))
    path.with_name(f"._{path.name}").write_bytes(bytes.fromhex("0005160700020000") + bytes(4096))
    assert len(decode(path)[0]) == read_header(path).frames == RATE


def test_no_file_stays_open(tmp_path):
    for name, content in (("good", written("WAV")), ("bad", b"RIFF"), ("cut", written("MP3")[:500])):
        (tmp_path / name).write_bytes(content)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in tmp_path.iterdir():
        for function in (decode, read_header):
            with contextlib.suppress(ValueError):
                function(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_ogg_file_without_its_last_page():
    content = written("OGG")
    with pytest.raises(ValueError, match=r"cut short, its \d+ bytes end without a last page"):
        read(content[: content.rfind(b"OggS")])
    assert np.array_equal(read(content + b"\0" * 200), read(content))


@pytest.mark.parametrize(
    ("rate", "reason"), [(0, "no sampling rate"), (1, "rate is 1 Hz"), (999, "rate is 999 Hz"), (2**31 - 1, "Hz")]
)
def test_rates_that_no_recorder_has(rate, reason, tmp_path):
    path = tmp_path / "clip.wav"
    path.write_bytes(put(written("WAV"), 24, "<I", rate))
    for function in (decode, read_header):
        with pytest.raises(ValueError, match=reason):
            function(path)


@pytest.mark.parametrize(
    ("scale", "said"), [(1, None), (1.9, None), (4, "such as 4 in"), (32768, "error"), (2.0**31, "error")]
)
def test_float_files_beyond_full_scale(scale, said, tmp_path, caplog):
    warn_once.cache_clear()
    path = tmp_path / "clip.wav"
    soundfile.write(path, SOUND / np.abs(SOUND).max() * scale, RATE, subtype="FLOAT")
    if said == "error":
        with pytest.raises(ValueError, match=r"clip.wav: samples up to .*, expected \[-1, 1\]; divide integers"):
            read_sound(path)
        return
    with caplog.at_level(logging.WARNING):
        read_sound(path)
        path.rename(tmp_path / "another.wav")
        read_sound(tmp_path / "another.wav")
    assert caplog.text.count("samples beyond [-1, 1]") == bool(said)
    assert said is None or said in caplog.text


@pytest.mark.parametrize(
    "head", [b"RIFF\xff\xff\xff\xffWAVE", b"FORM\0\0\0\0AIFF", b"caff\0\1\0\0", b"MATLAB 5.0", b"NIST_1A\n"]
)
@pytest.mark.parametrize("rest", [b"", b"\0" * 4000, b"\xff" * 4000, b"data", b"SSND\xff\xff\xff\xff"])
def test_headers_of_nothing_end_in_one_line(head, rest):
    with pytest.raises(ValueError, match="folder/clip: ") as error:
        read(head + rest)
    assert "\n" not in str(error.value)


def test_random_bytes_in_headers_never_end_in_another_error():
    stream = np.random.default_rng(0)
    for form in [*TELLING, *STREAMS]:
        for _ in range(20):
            content = bytearray(written(form)[:6000])
            for place in stream.integers(0, 200, 8):
                content[place] = stream.integers(256)
            with io.BytesIO(content) as file:
                assert isinstance(containers.Container(file, len(content)).fault(), str)


def test_an_mp3_whose_length_header_is_damaged_is_read_or_named(tmp_path):
    sound = io.BytesIO()
    soundfile.write(sound, 0.3 * np.sin(np.arange(8000) * 0.12), 16000, format="MP3")
    path, content = tmp_path / "sound.mp3", sound.getvalue()
    assert b"Xing" in content
    for damaged in (content.replace(b"Xing", b"XiNg"), content.replace(b"Xing\0\0\0\x0f\0", b"Xing\0\0\0\x0f")):
        path.write_bytes(damaged)
        for read in (read_header, read_sound):
            with contextlib.suppress(ValueError):
                read(path)
