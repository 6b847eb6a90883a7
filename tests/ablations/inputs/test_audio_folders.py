"""Which files of a folder are embedded, under which names, and what is said of the others."""

import io
import logging
import os

import numpy as np
import pytest
import soundfile

from ablations.embedding.sources import find_sources
from ablations.inputs.audio_folders import audio_in
from tests.ablations.embedding.test_embed import invoke, read, run
from tests.conftest import tone, write_clip


def outputs(tmp_path, files) -> list[str]:
    return sorted(str(source.output.relative_to(tmp_path / "out")) for source in find_sources(files, tmp_path / "out"))


def names(folder) -> list[str]:
    return [str(path.relative_to(folder)) for path in audio_in(folder)]


def sound(form: str = "WAV") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, tone(440, 0.2), 16000, format=form)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *(("a.wav", "WAV"), ("A.WAV", "WAV"), ("a.wave", "WAV"), ("a.bwf", "WAV"), ("a.rf64", "RF64")),
        *(("a.w64", "W64"), ("a.sph", "NIST"), ("a.nist", "NIST"), ("a.snd", "AU"), ("a.au", "AU")),
        *(("a.aif", "AIFF"), ("a.AIFC", "AIFF"), ("a.mp3", "MP3"), ("a.mp2", "MP3"), ("a.mpga", "MP3")),
        *(("a.flac", "FLAC"), ("a.ogg", "OGG"), ("a.oga", "OGG"), ("a.caf", "CAF"), ("a.voc", "VOC")),
        ("a.avr", "AVR"),
        ("a.m4a", "WAV"),  # by what it holds
    ],
)
def test_what_libsndfile_reads_is_found_and_embedded(tmp_path, name, form):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(sound(form))
    (row,) = run([tmp_path / "in"], tmp_path).to_dict("records")
    assert row["error"] == ""
    assert row["output"] == str(tmp_path / "out" / f"{name}.npz")


def test_what_does_not_tell_its_length_is_found_and_named(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.sf").write_bytes(sound("IRCAM"))
    (row,) = run([tmp_path / "in"], tmp_path).to_dict("records")
    assert row["error"].endswith("convert it to WAV or FLAC")


def test_what_only_looks_like_audio_is_counted_in_one_line(tmp_path, caplog):
    for name in ("a.m4a", "b.M4A", "c.webm", "d.amr", "e.wma", "f.wv", "g.3gp", "h.mpga"):
        (tmp_path / name).write_bytes(b"\1" * 100)
    (tmp_path / "recording").write_bytes(sound())
    (tmp_path / "notes.txt").write_text("RIFF")
    (tmp_path / "README").write_text("no sound")
    (tmp_path / "good.wav").write_bytes(sound())
    with caplog.at_level(logging.WARNING):
        assert names(tmp_path) == ["good.wav"]
    (line,) = caplog.messages
    assert "9 files left out that look like audio" in line
    assert "2 .m4a" in line
    assert "1 no suffix" in line


def test_hidden_files_and_those_of_macos_are_left_out(tmp_path, caplog):
    for name in ("._a.wav", ".hidden/a.wav", "__MACOSX/a.wav", "deep/__MACOSX/a.wav", "deep/.a.wav", "deep/a.wav"):
        write_clip(tmp_path / name, tone(440, 0.2))
    (tmp_path / ".DS_Store").touch()
    assert names(tmp_path) == ["deep/a.wav"]
    assert names(tmp_path / ".hidden") == ["a.wav"]  # asked for by name
    assert not caplog.messages


@pytest.fixture
def annexed(tmp_path):
    """A folder as git-annex lays it out: names are links to objects that are called by their content."""
    for name in ("0000", "1111"):
        (tmp_path / "objects").mkdir(exist_ok=True)
        (tmp_path / "objects" / name).write_bytes(sound())
    write_clip(tmp_path / "elsewhere/more/linked.wav", tone(440, 0.2))
    for name, target in (
        ("dogs/1.wav", "objects/0000"),
        ("dogs/2.wav", "objects/1111"),
        ("cats/2.wav", "objects/1111"),
        ("cats/3.wav", "objects/absent"),
        ("birds", "elsewhere/more"),
    ):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).symlink_to(tmp_path / target)
    return tmp_path / "set"


def test_linked_files_and_folders_keep_the_names_of_their_links(tmp_path, annexed):
    wanted = ["birds/linked.wav", "cats/2.wav", "cats/3.wav", "dogs/1.wav", "dogs/2.wav"]
    assert names(annexed) == wanted
    table = run([annexed], tmp_path).set_index("file")
    assert sorted(outputs(tmp_path, [annexed])) == [f"{name}.npz" for name in wanted]
    errors = table["error"][table["error"] != ""]
    assert errors.index.tolist() == [str(annexed / "cats/3.wav")]
    assert f"cats/3.wav: a link to {tmp_path / 'objects/absent'}, which is absent" in errors.iloc[0]
    assert read(tmp_path / "out/cats/2.wav.npz")["source"] == str(annexed / "cats/2.wav")


def test_two_names_of_one_content_are_two_outputs(tmp_path, annexed):
    assert outputs(tmp_path, [annexed / "dogs/2.wav", annexed / "cats/2.wav"]) == ["cats/2.wav.npz", "dogs/2.wav.npz"]
    assert outputs(tmp_path, [annexed / "dogs/2.wav", annexed / "../set/dogs/2.wav"]) == ["2.wav.npz"]
    assert outputs(tmp_path, [annexed, annexed / "dogs"]) == outputs(tmp_path, [annexed])


def test_outputs_that_name_the_content_of_a_link_are_those_of_the_link(tmp_path, annexed):
    path = annexed / "dogs/1.wav"
    run([path], tmp_path)
    before = read(tmp_path / "out/1.wav.npz")
    np.savez(tmp_path / "out/1.wav.npz", **{**before, "source": str(path.resolve())})  # as they were written before
    write_clip(tmp_path / "objects/new.wav", tone(880, 0.3))
    (tmp_path / "objects/new.wav").replace(tmp_path / "objects/0000")
    (row,) = run([path], tmp_path).to_dict("records")
    assert (row["error"], row["steps"]) == ("", 7)


def test_folders_inside_themselves_end(tmp_path):
    for name in ("a/1.wav", "b/2.wav"):
        write_clip(tmp_path / "set" / name, tone(440, 0.2))
    (tmp_path / "set/a/self").symlink_to(tmp_path / "set/a")
    (tmp_path / "set/a/above").symlink_to(tmp_path / "set")
    (tmp_path / "set/a/beside").symlink_to(tmp_path / "set/b")
    (tmp_path / "set/b/beside").symlink_to(tmp_path / "set/a")
    assert names(tmp_path / "set") == ["a/1.wav", "a/beside/2.wav", "b/2.wav", "b/beside/1.wav"]


def test_a_broken_link_by_its_name(tmp_path, annexed):
    found = invoke(annexed / "cats/3.wav", "--spec", "logmel", "--out", tmp_path / "out")
    assert found.exit_code == 1
    assert "cats/3.wav: a link to " in found.stderr


@pytest.mark.skipif(os.getuid() == 0, reason="root may read all")
def test_a_folder_that_can_not_be_searched_is_named(tmp_path, caplog):
    write_clip(tmp_path / "set/closed/a.wav", tone(440, 0.2))
    (tmp_path / "set/closed").chmod(0)
    try:
        assert names(tmp_path / "set") == []
    finally:
        (tmp_path / "set/closed").chmod(0o700)
    assert "closed: a folder that can't be searched: Permission denied" in caplog.text
