"""Attacks by inputs: names, sounds, YAML, metadata, weights."""

import io
import json
import os
import wave
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import soundfile
import torch

from tests.campaigns.attacks.place import Place, refused

NOT_UTF8 = b"\xff\xfe.wav"
ENDLESS = 11  # lists of ten aliases each, of the list before


def lying_flac(place: Place) -> bytes:
    """Make a FLAC file of half a second whose header promises 2^36 - 1 samples."""
    sound, rate = soundfile.read(place.sound)
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, format="FLAC")
    content = bytearray(buffer.getvalue())
    content[21] |= 15  # the 36 bits of STREAMINFO that count samples
    content[22:26] = b"\xff" * 4
    return bytes(content)


def listing_of(place: Place) -> str:
    """Make a list of the good sounds."""
    return "file,label\n" + "".join(f"{place.good.folder}/{n}.wav,{('low', 'high')[n % 2]}\n" for n in range(12))


def with_items(place: Place, change: Callable[[dict[str, Any]], object]) -> Path:
    """Copy the good task and change the items of its first fold."""
    path = place.task / "fold00.json"
    items = json.loads(path.read_text())
    change(items)
    path.write_text(json.dumps(items))
    return place.task


def clip_name_that_is_no_unicode(place: Place) -> None:
    """Only its task fails, and is named; the other task is measured."""
    bad = with_items(place, lambda items: items.update({"\udcff.wav": items.pop(next(iter(items)))}))
    bad = bad.rename(place.folder / "bad-v1")
    good = place.good.folder / "tones-v1"
    ending = place.run(place.study(tasks=[str(bad), str(good)]))
    refused(ending, "bad-v1")
    assert set(place.rows()["task"]) == {"tones-v1"}


def clips_outside_of_the_task(place: Place) -> None:
    """Names that lead outside a split's folder are refused."""
    for name in ("../fold01/1.wav", str(place.sound)):
        task = with_items(place, lambda items, name=name: items.update({name: items.pop(next(iter(items)))}))
        refused(place.run(place.study(tasks=[str(task)])), "fold00.json")


def header_that_promises_too_much(place: Place) -> None:
    """Only that sound fails, in one line; the other one is embedded."""
    sounds = place.folder / "in"
    sounds.mkdir()
    (sounds / "a.flac").write_bytes(lying_flac(place))
    (sounds / "b.wav").write_bytes(place.sound.read_bytes())
    ending = place.ablate("embed", sounds, "--spec", "logmel", "--scene", "--out", place.folder / "out")
    refused(ending, "a.flac", "1 of 2 files embedded")


def header_that_promises_too_much_in_a_list(place: Place) -> None:
    """`prepare --check` reports the sound as unreadable."""
    (place.folder / "a.flac").write_bytes(lying_flac(place))
    listing = place.text("list.csv", listing_of(place) + "a.flac,low\n")
    assert "a.flac" in place.ablate("prepare", listing, "--check", "--out", place.folder / "t-v1").output


def wave_of_1_hz(place: Place) -> None:
    """A rate that is too low is refused; the resampled sound would take gigabytes."""
    with wave.open(str(place.folder / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(1)
        file.writeframes(bytes(40000))
    ending = place.ablate("embed", "a.wav", "--spec", "logmel", "--scene", "--out", place.folder / "out")
    refused(ending, "a.wav", "rate")


def aliases_without_end(place: Place) -> None:
    """YAML with multiplying aliases is refused at once, and the message does not print them."""
    lists = ["&a0 [l, l, l, l, l, l, l, l, l, l]"]
    lists += [f"&a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, ENDLESS)]
    study = place.text("s.yaml", f"name: [{', '.join(lists)}]\nmodels: [{{checkpoint: logmel}}]\ntasks: [x]\n")
    refused(place.run(study, limit_s=10), "s.yaml")


def lists_in_place_of_a_word(place: Place) -> None:
    """The error names the field and its choices."""
    for field, value in (("precision", "fp32"), ("figure", "bars")):
        refused(place.run(place.study(**{field: [value]})), field)


def nested_without_end(place: Place) -> None:
    """Deep nesting is refused."""
    refused(place.run(place.text("s.yaml", "[" * 3000)), "s.yaml")


def key_twice(place: Place) -> None:
    """A duplicate key is an error: it is not clear which one counts."""
    study = place.study()
    study.write_text("name: first\n" + study.read_text())
    refused(place.run(study), "name")


def seed_true(place: Place) -> None:
    """A boolean is not a seed, and the run folder stays usable."""
    refused(place.run(place.study(seeds=[True])), "seeds")
    assert place.run(place.study()).kind == "taken"


def seeds_twice_and_an_unknown_precision(place: Place) -> None:
    """Both are refused."""
    refused(place.run(place.study(seeds=[0, 0])), "seeds")
    refused(place.run(place.study(), "--precision", "nonsense"), "precision")


def metadata_of_other_types(place: Place) -> None:
    """The error names file and field."""
    path = place.task / "task_metadata.json"
    good = json.loads(path.read_text())
    changes: tuple[Mapping[str, Any], ...] = ({"task_name": ["a"]}, {"sample_duration": [1]}, {"sample_duration": "x"})
    for change in changes:
        path.write_text(json.dumps(good | change))
        for options in ((), ("--shard", "1/2")):
            refused(place.run(place.study(tasks=[str(place.task)]), *options), path.name, next(iter(change)))


def weights_of_odd_tensors(place: Place) -> None:
    """Weights must be dense tensors of real floating point numbers."""
    state = torch.load(place.good.folder / "weights.pt")
    odd = {
        "sparse": {name: tensor.to_sparse() if tensor.ndim == 2 else tensor for name, tensor in state.items()},
        "meta": {name: tensor.to("meta") for name, tensor in state.items()},
        "int8": {name: tensor.to(torch.int8) for name, tensor in state.items()},
        "complex": {name: tensor.to(torch.complex64) for name, tensor in state.items()},
    }
    for name, changed in odd.items():
        torch.save(changed, place.folder / f"{name}.pt")
        spec = ("--spec", "passt_demo@features@w160", "--scene", "--weights", place.folder / f"{name}.pt")
        refused(place.ablate("embed", place.sound, *spec, "--out", place.folder / "out"), f"{name}.pt")


def home_of_nobody_and_a_rate_of_2_gigahertz(place: Place) -> None:
    """Both end in one line."""
    listing = place.text("list.csv", listing_of(place) + "~nosuchuser/a.wav,low\n")
    assert "~nosuchuser" in place.ablate("prepare", listing, "--check", "--out", place.folder / "t-v1").output
    task = ("--folds", "3", "--rate", "2147483647", "--out", place.folder / "u-v1")
    refused(place.ablate("prepare", place.good.folder / "list.csv", *task), "rate")


def variants_without_bound(place: Place) -> None:
    """46.8 million variants are refused before they are made."""
    ranges = {"timestamp_hop_ms": range(10, 400), "scene_window_ms": range(160, 560)}
    axes = {name: list(values) for name, values in ranges.items()}
    axes["weights"] = [f"untrained-{seed}" for seed in range(300)]
    study = place.study(models=[{"checkpoint": "passt_demo", **axes}])
    refused(place.ablate("plan", study, "--runs", place.folder / "runs", limit_s=20), "variants")


def name_of_a_sound_that_is_no_utf8(place: Place) -> None:
    """The sound is embedded, or the error names it."""
    sounds, out = place.folder / "in", place.folder / "out"
    sounds.mkdir()
    Path(os.fsdecode(bytes(sounds) + b"/" + NOT_UTF8)).write_bytes(place.sound.read_bytes())
    ending = place.ablate("embed", sounds, "--spec", "logmel", "--scene", "--out", out)
    assert len(list(out.glob("*.npz"))) == 1 or f"{sounds}/" in ending.output


CASES = (
    clip_name_that_is_no_unicode,
    clips_outside_of_the_task,
    header_that_promises_too_much,
    header_that_promises_too_much_in_a_list,
    wave_of_1_hz,
    aliases_without_end,
    lists_in_place_of_a_word,
    nested_without_end,
    key_twice,
    seed_true,
    seeds_twice_and_an_unknown_precision,
    metadata_of_other_types,
    weights_of_odd_tensors,
    home_of_nobody_and_a_rate_of_2_gigahertz,
    variants_without_bound,
    name_of_a_sound_that_is_no_utf8,
)
