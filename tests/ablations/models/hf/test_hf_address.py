"""Addresses of encoders, in specs and in studies."""

import subprocess
import sys
from pathlib import Path

import pytest

from ablations.models.hf.address import below, parse, short_name
from passt.catalog.spec_text import parse_fields

COMMIT = "a" * 40


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("hf:org/name", "hf:org/name"),
        ("hf:org/name@main", "hf:org/name"),
        ("hf:org/name@refs/pr/1", "hf:org/name?revision=refs%2Fpr%2F1"),
        ("hf:org/name?revision=v1&pickle=true", "hf:org/name?pickle=true&revision=v1"),
        ("hf:org/name?pickle=false", "hf:org/name"),
        (f"hf:org/name?remote_code=true&revision={COMMIT}", f"hf:org/name?remote_code=true&revision={COMMIT}"),
        ("hf:./mine/", "hf:./mine"),
        ("hf:../a/../mine", "hf:../mine"),
        ("hf:/a b/c@d".replace("@", "%40"), "hf:/a%20b/c%40d"),
    ],
)
def test_canonical_form(text, canonical):
    assert str(parse(text)) == canonical
    assert str(parse(canonical)) == canonical
    assert parse_fields(f"{canonical}@block1")["checkpoint"] == canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hf:name", "names no encoder; expected hf:ORG/NAME, hf:ORG/NAME@REVISION, or a folder that begins with /, ./"),
        ("hf:a/b/c", "names no encoder"),
        ("hf:org/name?branch=x", "unknown option 'branch'; expected revision, pickle, remote_code"),
        ("hf:org/name?pickle=yes", "pickle must be true or false, got 'yes'"),
        (
            "hf:org/name?remote_code=true",
            "remote_code=true needs revision=COMMIT, a commit of 40 hex digits, got 'main'",
        ),
        ("hf:org/name@v1?revision=v2", "names no encoder|revision given twice|unknown option"),
        ("hf:org/name?revision=", "revision must be a commit, a tag or a branch, got ''"),
        ("hf:./mine@v1", "a folder has no revision"),
    ],
)
def test_faults(text, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        parse(text)


def test_a_revision_behind_a_name_is_no_level():
    assert parse_fields(f"hf:org/name@{COMMIT}@block2@w160") == {
        "checkpoint": f"hf:org/name?revision={COMMIT}",
        "levels": ("block2",),
        "windows_ms": (160,),
    }
    assert parse_fields("hf:org/name@block2") == {"checkpoint": "hf:org/name", "levels": ("block2",)}
    assert parse_fields("hf:org/name@refs/pr/1")["checkpoint"] == "hf:org/name?revision=refs%2Fpr%2F1"


def test_folders_of_a_study_begin_at_its_folder():
    assert below("hf:./mine", Path("/studies")) == "hf:/studies/mine"
    assert below("hf:../mine", Path("studies/new")) == "hf:./studies/mine"
    assert below("hf:./mine", Path()) == "hf:./mine"
    assert below("hf:/mine", Path("studies")) == "hf:/mine"
    assert below("hf:org/name@v1", Path("studies")) == "hf:org/name?revision=v1"


def test_labels():
    assert short_name("hf:facebook/wav2vec2-base") == ("wav2vec2-base", "")
    assert short_name(f"hf:org/name?pickle=true&revision={COMMIT}") == ("name", f"{COMMIT[:12]} pickle")


def test_the_library_is_imported_by_who_uses_it():
    code = (
        "import sys; from ablations.models import registry; registry.families(); registry.card('passt_demo'); "
        "assert not {'transformers', 'huggingface_hub'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_machine_without_the_library(monkeypatch, folder_of):
    from ablations.models import registry
    from ablations.models.hf import library

    folder = folder_of("hubert")
    library.transformers.cache_clear()
    monkeypatch.setitem(sys.modules, "transformers", None)
    try:
        with pytest.raises(
            ValueError, match=r"need the library transformers .*: pip install 'embedding-ablations\[hf\]'"
        ):
            registry.resolve(f"hf:{folder}@untrained-17")
    finally:
        library.transformers.cache_clear()
