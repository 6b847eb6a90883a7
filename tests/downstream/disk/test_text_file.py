"""Text files in every dialect are read as they are meant, or are an error that names file and line."""

import re

import pytest

from downstream.disk.text_file import read_csv, read_json

PLAIN = "file,label\na.wav,hi\nb.wav,lo\n"
ROWS = [(2, {"file": "a.wav", "label": "hi"}), (3, {"file": "b.wav", "label": "lo"})]


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "list.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        "\ufeff" + PLAIN,
        "\ufeff\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.rstrip(),
        PLAIN.replace("file,label", "File , LABEL"),
        PLAIN.replace("file,label", '"file","label"'),
        PLAIN.replace(",", ", "),
        PLAIN + "\n\n,\n",
        PLAIN.replace("\n", ",,\n") + ",,,\n",
    ],
)
def test_what_is_meant_alike_is_read_alike(write, content):
    assert read_csv(write(content), ("file", "label")) == ROWS


def test_a_column_without_a_name_is_left_out(write):
    assert read_csv(write(",file,label\n0,a.wav,hi\n1,b.wav,lo\n")) == ROWS


def test_values_keep_their_quotes_commas_and_line_breaks(write):
    found = read_csv(write('file,label\n"a\nb.wav","hi, ""lo"""\nc.wav,12" vinyl\n'))
    assert found == [(2, {"file": "a\nb.wav", "label": 'hi, "lo"'}), (4, {"file": "c.wav", "label": '12" vinyl'})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PLAIN.replace(",", ";"), "list.csv: columns are separated by ';', expected commas"),
        (PLAIN.replace(",", "\t"), "list.csv: columns are separated by tabs, expected commas"),
        ("sep=;\n" + PLAIN.replace(",", ";"), "columns are separated by ';', expected commas"),
        ("file,label,label\na.wav,hi,lo\n", "list.csv: the column label is there twice"),
        ("file,label,Label\na.wav,hi,lo\n", "list.csv: the column label is there twice"),
        ("# mine\n" + PLAIN, "must have the columns file, label; file is absent, line 1 has # mine"),
        ("", "must have the columns file, label; file is absent, line 1 has an empty file"),
        (PLAIN + "c.wav\n", "list.csv: line 4 must have 2 values, got 1"),
        (PLAIN + "c.wav,hi,there\n", "list.csv: line 4 must have 2 values, got 3"),
        (
            'file,label\na.wav,"hi\nb.wav,lo\nc.wav,hi\n',
            "line 2: not a row of a CSV file, look at its quotes",
        ),
        ('file,label\na.wav,"hi\nb.wav,lo\nc.wav,hi"\n', "list.csv: line 2: the quoted value 'hi\\nb.wav,lo"),
        (
            'file,label\n"a.wav,hi\nb.wav",lo\n',
            "line 2: the quoted value 'a.wav,hi\\nb.wav' goes on to line 3",
        ),
        ('file,label\n"a"x.wav,hi\n', "list.csv: line 2: not a row of a CSV file"),
    ],
)
def test_what_is_ambiguous_is_named_with_its_line(write, content, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        read_csv(write(content), ("file", "label"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("encoding", "message"),
    [
        ("utf-16", "list.csv: is in UTF-16, expected UTF-8"),
        ("utf-16-le", "list.csv: looks like UTF-16"),
        ("utf-16-be", "list.csv: looks like UTF-16"),
        ("utf-32", "list.csv: is in UTF-32"),
        ("latin-1", "list.csv: not in UTF-8: line 3 holds the byte 0xf6; it may be Latin-1 or Windows-1252"),
    ],
)
def test_other_encodings_are_named(write, encoding, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_csv(write("file,label\na.wav,tief\nb.wav,höher\n".encode(encoding)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1, "a": 2}', "x.json: 16 bytes, not JSON: the key 'a' is there twice"),
        ("[" * 100_000, "not JSON: maximum recursion depth"),
        ("9" * 6000, "not JSON: Exceeds the limit"),
        ('{"a": 1}'.encode("utf-16"), "x.json: is in UTF-16"),
    ],
)
def test_broken_json_is_named(write, content, message):
    with pytest.raises(ValueError, match=message):
        read_json(write(content, "x.json"))


def test_a_mark_in_front_of_json_is_no_part_of_it(write):
    assert read_json(write('\ufeff{"a": [1]}', "x.json")) == {"a": [1]}
