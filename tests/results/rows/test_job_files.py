"""Files of jobs that are no files of jobs."""

import json
import os

import pytest

from results.rows.job_files import parse_job, sha256_of


@pytest.mark.parametrize(
    "content", ["[]", "{", "[" * 9999, "9" * 5000, '{"job": ["x"]}', '{"job": "x", "folds": 3}', "null"]
)
def test_what_is_no_job_is_named(content, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ValueError, match=r"x.json: not the job that was written here$"):
        parse_job(tmp_path / "x.json")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_pipes_and_folders_are_named_and_not_read(make, tmp_path):
    make(tmp_path / "x.json")
    make(tmp_path / "x.npz")
    with pytest.raises(ValueError, match=r"x.json: not the job that was written here$"):
        parse_job(tmp_path / "x.json")
    with pytest.raises(ValueError, match=r"x.npz: no regular file"):
        sha256_of(tmp_path / "x.npz")


def test_an_absent_job_is_absent(tmp_path):
    with pytest.raises(FileNotFoundError):
        parse_job(tmp_path / "x.json")
    (tmp_path / "y.json").write_text(json.dumps({"job": "y", "folds": []}))
    assert parse_job(tmp_path / "y.json", whole=False)["job"] == "y"
