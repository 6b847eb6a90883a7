"""Named specs: what their names stand for, and that no name can be mistaken for a checkpoint."""

import pytest

from passt import EmbeddingSpec
from passt.catalog import checkpoints, named
from passt.catalog.spec_text import fields_of, parse_fields

PACKAGE_SIZES = {  # (scene, timestamp) values of each module of hear21passt 0.0.26
    "base": (1295, 1295),
    "2level-800": (1295, 2590),
    "2level-mel": (1295, 3358),
    "hop160-base": (1295, 1295),
    "hop160-2level-800": (1295, 2590),
    "hop160-2level-mel-800": (1295, 3358),
    "hop100-base": (1295, 1295),
    "hop100-2level-800": (1295, 2590),
    "hop100-2level-mel-800": (1295, 3358),
    "20sec": (1295, 1295),
    "30sec": (1295, 1295),
    "openmic2008": (788, 788),
}


def test_no_name_is_a_checkpoint_or_an_alias():
    taken = {name for row in checkpoints.table().values() for name in (row.name, row.alias)}
    assert not taken & set(named.table())


@pytest.mark.parametrize("name", named.table())
def test_every_name_is_a_canonical_spec_of_its_checkpoint(name):
    row = named.table()[name]
    spec = EmbeddingSpec.parse(name)
    assert checkpoints.get(spec.checkpoint).card.resolve(spec) == spec == EmbeddingSpec.parse(row.spec)
    assert spec.weights == "published"
    assert row.origin in named.ORIGINS
    assert {"paper": "K22 Fig", "package": "hear21passt.", "derived": "hear21passt."}[row.origin] in row.source


def test_the_packages_modules_have_their_sizes_and_order():
    assert {name for name, row in named.table().items() if row.origin == "package"} == set(PACKAGE_SIZES)
    for name, sizes in PACKAGE_SIZES.items():
        spec = EmbeddingSpec.parse(name)
        widths = {"logits": checkpoints.get(spec.checkpoint).n_classes, "features": 768, "mel": 6 * 128}
        found = [sum(widths[level] for level, _ in taps) for taps in (spec.scene_taps(), spec.timestamp_taps())]
        assert tuple(found) == sizes, name
        assert spec.levels[:2] == ("logits", "features")


def test_large_windows_are_the_papers_unless_the_name_says_otherwise():
    for name, row in named.table().items():
        windows = EmbeddingSpec.parse(name).windows_ms
        assert (800 in windows) == name.endswith("-800"), name
        assert windows in [(160,), (640,), (160, 640), (160, 800)]
        assert row.origin != "paper" or 800 not in windows


def test_the_papers_variants_are_the_corners_of_its_figures():
    parse = EmbeddingSpec.parse
    levels = {name: parse(f"paper-{name}").levels for name in ("m", "h", "mh", "lm", "lmh")}
    assert {name: len(value) for name, value in levels.items()} == {name: len(name) for name in levels}
    assert parse("paper-mh") == parse("base")
    assert parse("paper-lm-2rf").windows_ms == parse("paper-lm").windows_ms + parse("paper-lm-640").windows_ms
    hops = [checkpoints.get(parse(f"paper-mh{hop}").checkpoint).hop for hop in ("", "-hop5", "-hop3")]
    assert hops == [320, 160, 100]
    assert parse("paper-best").timestamp_taps() == parse("paper-lm-2rf").timestamp_taps()
    assert parse("paper-best").checkpoint == parse("paper-mh-hop5").checkpoint


def test_parts_after_a_name_replace_its_own():
    whole = parse_fields("2level-mel")
    assert parse_fields("2level-mel@untrained-0") == {**whole, "weights": "untrained-0"}
    assert parse_fields("2level-mel@w160@block6+mel") == {
        "checkpoint": whole["checkpoint"],
        "levels": ("block6", "mel"),
        "windows_ms": (160,),
    }
    with pytest.raises(ValueError, match="spec '2level@w160@w640': windows_ms given twice"):
        parse_fields("2level@w160@w640")


def test_other_names_stay_checkpoints():
    assert fields_of("cnn14") == {"checkpoint": "cnn14"}
    assert parse_fields("openmic@w160") == {"checkpoint": "openmic", "windows_ms": (160,)}
