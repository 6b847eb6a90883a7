"""HEAR modules in a process of their own: how it begins, and all the ways in which it ends."""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from ablations.models import registry
from ablations.models.hear_modules import process, worker
from ablations.system import child
from downstream.embedder import OWN_HOP, released
from tests.ablations.hear_fakes import TORCH
from tests.reference_values import clip

THERE = Path(sys.executable)
TAP = ("embedding", None)


def build(text: str, python: Path):
    return registry.build(registry.resolve(text), device="cpu", python=python)


def clips(*seconds: float) -> list[torch.Tensor]:
    return [clip(length, seed, 16000) for seed, length in enumerate(seconds)]


def test_a_model_of_tensorflow(of_tensorflow):
    sounds = clips(1.0, 0.5)
    with released(build(of_tensorflow, THERE)) as embedder:
        assert embedder.own_hop_ms == 100.0
        scenes = embedder.scene(sounds, [TAP])[TAP]
        steps = embedder.timestamps(sounds, [TAP], OWN_HOP)
    assert torch.allclose(scenes, torch.stack([torch.stack([sound.mean(), sound.max()]) for sound in sounds]))
    assert [times.tolist() for _, times in steps] == [[50.0 + 100 * i for i in range(n)] for n in (10, 5)]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("dies", f"hear:fake_hear: its process ({THERE}) ended with status 3: out of luck"),
        ("killed", f"hear:fake_hear: its process ({THERE}) was ended by SIGKILL: this is no answer"),
    ],
)
def test_a_process_that_dies_is_named(hear_module, fault, message):
    hear_module(
        "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')\n"
        "sys.modules['torch'].nn = types.SimpleNamespace(Module=object, Parameter=None)\n" + TORCH
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        build(f"hear:fake_hear?fault={fault}", THERE)


def test_a_module_that_hangs_while_loading_is_ended(hear_module, monkeypatch):
    hear_module("import time\ntime.sleep(60)\n")
    monkeypatch.setenv("ABLATE_MODULE_TIMEOUT", "0.5")
    wanted = f"hear:fake_hear: its process ({THERE}) gave no answer in 0.5 s and was ended; $ABLATE_MODULE_TIMEOUT"
    with pytest.raises(ValueError, match=re.escape(wanted)):
        build("hear:fake_hear", THERE)


def test_a_module_of_this_process_that_takes_long_is_told(hear_module, monkeypatch, caplog):
    hear_module("import time\ntime.sleep(1.2)\n" + TORCH)
    monkeypatch.setenv("ABLATE_MODULE_TIMEOUT", "0.1")
    build("hear:fake_hear", None)
    assert "no answer in 0.1 s; in this process it can't be ended" in caplog.text


def test_a_clip_on_which_it_hangs_fails_alone(of_tensorflow):
    sound = clips(1.0)
    with released(build(of_tensorflow, THERE)) as embedder:
        wanted = embedder.scene(sound, [TAP])[TAP]
        embedder._module._seconds = 0.3
        with pytest.raises(ValueError, match="gave no answer in 0.3 s"):
            embedder.scene([torch.zeros(1)], [TAP])  # takes a minute
        embedder._module._seconds = 60
        assert torch.equal(embedder.scene(sound, [TAP])[TAP], wanted)


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan"])
def test_a_time_limit_that_is_none_is_named(of_tensorflow, monkeypatch, text):
    monkeypatch.setenv("ABLATE_MODULE_TIMEOUT", text)
    with pytest.raises(ValueError, match=f"ABLATE_MODULE_TIMEOUT must be a number of seconds above 0, got '{text}'"):
        build(of_tensorflow, THERE)


@pytest.mark.parametrize("endless", ["yes", "yes | tr -d '\\n'"])
def test_an_interpreter_that_prints_without_end_is_ended(of_tensorflow, tmp_path, endless):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{endless}\n")
    python.chmod(0o755)
    with pytest.raises(ValueError, match="printed (more than 1 MB before the worker's greeting|a line of more than)"):
        build(of_tensorflow, python)


def test_a_module_that_fills_its_log_is_ended(hear_module, monkeypatch):
    monkeypatch.setattr(child, "LOG_BYTES", 1 << 20)
    monkeypatch.setattr(child, "LOOK_S", 0.05)
    hear_module("while True:\n    print('x' * 1000)\n")
    with pytest.raises(ValueError, match="printed more than 1 MB and was ended"):
        build("hear:fake_hear", THERE)


def test_an_answer_that_no_memory_holds_is_refused(hear_module, monkeypatch):
    hear_module(TORCH)
    with released(build("hear:fake_hear", THERE)) as embedder:
        monkeypatch.setattr(process, "available", lambda: 10)
        with pytest.raises(ValueError, match="an answer of 16 bytes, expected at most 10, the free memory"):
            embedder.scene(clips(1.0), [TAP])


def test_what_a_module_forked_does_not_outlast_it(of_tensorflow):
    module = Path("fake_hear.py")
    forks = "import os, time\nif not os.fork():\n    time.sleep(20)\n    os._exit(0)\n"
    module.write_text(forks + module.read_text().replace("time.sleep(60)", "os.kill(os.getpid(), 9)"))
    embedder = build(of_tensorflow, THERE)
    start = time.perf_counter()
    with pytest.raises(ValueError, match="was ended by SIGKILL"):
        embedder.scene([torch.zeros(1)], [TAP])
    assert time.perf_counter() - start < 10


def test_one_clip_that_kills_it_does_not_stop_the_others(of_tensorflow):
    module = Path("fake_hear.py")
    module.write_text(module.read_text().replace("time.sleep(60)", "__import__('os')._exit(1)"))
    sound = clips(1.0)
    with released(build(of_tensorflow, THERE)) as embedder:
        wanted = embedder.scene(sound, [TAP])[TAP]
        with pytest.raises(ValueError, match="ended with status 1"):
            embedder.scene([torch.zeros(1)], [TAP])
        assert torch.equal(embedder.scene(sound, [TAP])[TAP], wanted)
        with pytest.raises(ValueError, match="ended with status 1"):
            embedder.scene([torch.zeros(1)], [TAP])
        module.write_text(module.read_text().replace("audio.values.max(1)", "2 * audio.values.max(1)"))
        with pytest.raises(ValueError, match="hear:fake_hear: is another model after its process was started again"):
            embedder.scene(sound, [TAP])


@pytest.mark.parametrize("python", ["/bin/true", "/bin/cat", "text"])
def test_what_is_no_interpreter_is_named(of_tensorflow, tmp_path, python):
    if python == "text":
        python = tmp_path / "text"
        python.write_bytes(b"\0")
        python.chmod(0o755)
    with pytest.raises(ValueError, match=re.escape(str(python))) as error:
        build(of_tensorflow, Path(python))
    assert "\n" not in str(error.value)


def test_a_process_ends_with_what_holds_it(of_tensorflow, monkeypatch):
    embedder = build(of_tensorflow, THERE)
    ended = embedder._module._child.process
    del embedder
    assert ended.returncode == 0
    embedder = build(of_tensorflow, THERE)
    embedder.close()
    embedder.close()
    assert embedder._module._child.process.returncode == 0
    with pytest.raises(ValueError, match="hear:fake_hear: its process has ended"):
        embedder.scene(clips(1), [TAP])
    alone = subprocess.Popen([THERE, process.WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert alone.stdout.readline() == worker.GREETING
    alone.communicate(timeout=10)  # as where its parent was killed: its stdin ends
    assert alone.returncode == 0


def test_a_process_that_hangs_is_killed(of_tensorflow, monkeypatch):
    monkeypatch.setattr(child, "SECONDS_TO_END", 0.2)
    embedder = build(of_tensorflow, THERE)
    caught = []

    def ask():
        try:
            embedder.scene([torch.zeros(1)], [TAP])  # takes a minute
        except ValueError as error:
            caught.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.2)
    start = time.perf_counter()
    embedder.close()
    thread.join(10)
    assert time.perf_counter() - start < 5
    assert caught == ["hear:fake_hear: its process has ended"]
