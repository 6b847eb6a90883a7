"""Python objects as models: what identifies them, and what is refused."""

import functools
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ablations.models import registry
from ablations.models.objects.identity import identity_of
from ablations.models.objects.python_model import model
from ablations.models.objects.registered import registered
from ablations.models.short_names import short_name

ROOT = Path(__file__).parents[3]
RATE = 16000
WINDOW = torch.hann_window(400)


def spectrum(audio):
    return torch.stft(audio, 400, window=WINDOW, return_complex=True).abs().mean(-1)


class Net(nn.Module):
    """A network with both of HEAR's methods, and dropout, which evaluation mode turns off."""

    sample_rate = RATE

    def __init__(self, seed: int = 0, hop: int = 160):
        super().__init__()
        torch.manual_seed(seed)
        self.hop, self.filters, self.dropout = hop, nn.Conv1d(1, 6, 400, hop), nn.Dropout(0.5)

    def scene_embedding(self, audio):
        return self.dropout(self.filters(audio[:, None])).mean(-1)

    def timestamp_embedding(self, audio):
        values = self.dropout(self.filters(audio[:, None])).transpose(1, 2)
        return values, torch.arange(values.shape[1]) * 1000.0 * self.hop / RATE


class AsInHear:
    """An object whose methods take the model too."""

    sample_rate = RATE

    def get_scene_embeddings(self, audio, model):
        assert model is self
        return audio.unfold(1, 400, 400).std(-1).mean(1, keepdim=True)


def built(made):
    spec = made.spec()
    with registered({spec.checkpoint: made}):
        return registry.build(registry.resolve(str(spec)), device="cpu")


def of(scale, seen=()):
    return lambda audio: audio.abs().mean(1, keepdim=True) * scale


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (of(2.0), of(3.0)),
        (lambda audio: audio * 2, lambda audio: audio * 3),
        (lambda audio: audio.mean(1), lambda audio: audio.std(1)),
        (functools.partial(spectrum, None), functools.partial(spectrum, 1)),
        (Net(hop=160), Net(hop=320)),
        (np.arange(3), np.arange(4)),
        ({"a": {1, 2}}, {"a": {1, 3}}),
        (Path("a"), Path("b")),
        (np.random.default_rng(0), np.random.default_rng(1)),
        (np.abs, np.sqrt),
        (torch.stft, torch.istft),
        (Net.scene_embedding, Net.timestamp_embedding),
    ],
)
def test_what_computes_something_else_has_another_code(first, second):
    assert identity_of(first) == identity_of(first)
    assert identity_of(first).code != identity_of(second).code
    assert not identity_of(first).unknown


def test_weights_are_hashed_apart_from_code():
    first, second = identity_of(Net(0)), identity_of(Net(1))
    assert first == identity_of(Net(0))
    assert first.code == second.code
    assert first.weights != second.weights
    net = Net(0)
    with torch.no_grad():
        net.filters.bias[0] += 1
    assert identity_of(net).weights != first.weights
    assert identity_of(Net(0).bfloat16()).weights not in ("", first.weights)


def test_globals_that_a_function_reads_are_part_of_it(monkeypatch):
    before = identity_of(spectrum)
    monkeypatch.setitem(globals(), "WINDOW", torch.ones(400))
    assert identity_of(spectrum) != before
    monkeypatch.setitem(globals(), "RATE", 1)
    monkeypatch.setitem(globals(), "WINDOW", torch.hann_window(400))
    assert identity_of(spectrum) == before


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_compiled_and_scripted_networks_have_their_weights():
    assert identity_of(torch.compile(spectrum)) == identity_of(spectrum)
    assert identity_of(torch.compile(Net())) == identity_of(Net())
    layer = nn.Linear(3, 2)
    scripted, other = torch.jit.script(layer), torch.jit.script(nn.Linear(3, 2))
    assert identity_of(scripted).weights == identity_of(layer).weights
    assert identity_of(scripted).code == identity_of(other).code
    assert identity_of(other).weights != identity_of(layer).weights


def test_objects_that_can_not_be_looked_at_are_unknown():
    class Broken:
        def __reduce_ex__(self, protocol):
            raise RuntimeError("not now")

    assert identity_of([Broken()], "mine").unknown[0].startswith("mine (")


def test_containing_oneself_is_no_trouble():
    first, second = [1], [2]
    first.append(first)
    second.append(second)
    assert identity_of(first) == identity_of(first) != identity_of(second)

    def countdown(number):
        return countdown(number - 1) if number else 0

    assert not identity_of(countdown).unknown


def test_other_processes_agree(tmp_path):
    code = """
        import sys
        from helper import scaled
        from ablations.models.objects.identity import identity_of
        names = {"left", "right", "middle"}
        def mine(audio, *, order=2):
            import helper
            return scaled(audio) * order if "left" in {"left", "right"} else names
        class Mine:
            rate = 3
            def __call__(self, audio): return mine(audio)
        print(identity_of((mine, Mine())))
    """
    (tmp_path / "mine.py").write_text(textwrap.dedent(code))
    (tmp_path / "helper.py").write_text("def scaled(audio):\n    return audio * 2\n")

    def printed(seed: str) -> str:
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "PATH": "", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-B", "mine.py"]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return ended.stdout

    first = printed("1")
    assert first == printed("2")
    assert "unknown=()" in first
    (tmp_path / "helper.py").write_text("def scaled(audio):\n    return audio * 3\n")
    assert printed("1") != first


def test_a_function_of_another_file_is_part_of_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "filters_of_mine.py").write_text("SCALE = 2\n")
    import filters_of_mine

    def scaled(audio):
        return audio * filters_of_mine.SCALE

    before = identity_of(scaled)
    (tmp_path / "filters_of_mine.py").write_text("SCALE = 3\n")
    assert identity_of(scaled) != before
    del sys.modules["filters_of_mine"]


def test_what_nothing_identifies_is_of_this_process():
    lines = (line for line in ["a"])

    def of_lines(audio):
        return audio.mean(1, keepdim=True) if lines else audio

    made = model(of_lines, sample_rate=RATE)
    spec, unknown = made.identified()
    assert unknown == ("lines (generator)",)
    assert spec.checkpoint.startswith("python:of_lines?process=")
    assert model(of_lines, sample_rate=RATE).spec() == spec
    assert model(of_lines, sample_rate=RATE, version="1").spec().checkpoint == "python:of_lines?version=1"


def test_a_cached_function_is_what_it_caches():
    first, second = functools.cache(lambda audio: audio * 2), functools.cache(lambda audio: audio * 3)
    assert identity_of(first) != identity_of(second)
    assert not identity_of(first).unknown


def test_gradients_turned_off_by_a_decorator_are_no_trouble():
    assert not identity_of(torch.no_grad()(lambda audio: audio * 2)).unknown


def test_modules_that_are_imported_late_are_the_same_as_early():
    code = """
        from ablations.models.objects.identity import identity_of
        def late(audio):
            import sklearn.decomposition
            return sklearn.decomposition.PCA
        before = identity_of(late)
        late(None)
        assert before == identity_of(late), "is another one"
    """
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=environment, check=True)


def test_locks_do_not_count():
    class Locked(Net):
        def __init__(self):
            super().__init__()
            self.lock = threading.Lock()

    assert not identity_of(Locked()).unknown


def test_a_function_embeds_scenes_alone():
    embedder = built(model(spectrum, sample_rate=RATE))
    clips = [torch.rand(16000) - 0.5, torch.rand(8000) - 0.5, torch.rand(16000) - 0.5]
    found = embedder.scene(clips, [("embedding", None)])["embedding", None]
    assert torch.allclose(found, torch.stack([spectrum(clip[None])[0] for clip in clips]))
    assert (embedder.dims, embedder.timestamp_dims) == ({"embedding": 201}, {})


def test_a_network_computes_in_evaluation_mode_and_keeps_its_own():
    net = Net()
    net.filters.eval()
    embedder = built(model(net))
    ((values, times),) = embedder.timestamps([torch.rand(8000)], [("embedding", None)], 0)
    assert values["embedding", None].shape == (len(times), 6)
    assert embedder.own_hop_ms == 10
    assert (net.training, net.dropout.training, net.filters.training) == (True, True, False)
    assert not values["embedding", None].requires_grad


def test_a_width_that_an_object_states_is_held_against_its_answers():
    stated = AsInHear()
    stated.scene_embedding_size = 4
    with pytest.raises(ValueError, match="get_scene_embeddings returned .* of width 1, its scene_embedding_size is 4"):
        built(model(stated))


def test_methods_may_take_the_model_as_in_hear():
    assert built(model(AsInHear())).dims == {"embedding": 1}


def test_arrays_and_doubles_become_float32():
    embedder = built(model(lambda audio: np.abs(np.fft.rfft(audio.numpy()[:, :64])), sample_rate=RATE))
    assert embedder.scene([torch.rand(800)], [("embedding", None)])["embedding", None].dtype == torch.float32


@pytest.mark.parametrize(
    ("function", "fault"),
    [
        (lambda audio: torch.randn(len(audio), 3), "returned other embeddings when asked again"),
        (lambda audio: (audio / audio.abs().max())[:, :9], "of a clip alone than of the same clip in a batch"),
        (lambda audio: audio[:, :9] - audio[:, :9].mean(0), "of a clip alone than of the same clip in a batch"),
        (lambda audio: audio, "of width 16000 for clips of 1 s and 32000 for twice as long ones, expected one width"),
        (lambda audio: audio.mean(1), r"of shape \(2,\) for 2 clips, expected \(clips, dim\)"),
        (lambda audio: audio[:1, :4], r"of shape \(1, 4\), expected \(2, 4\)"),
        (lambda audio: audio[:, :0], r"of shape \(2, 0\), expected at least one number"),
        (lambda audio: audio[:, :4].to(torch.complex64), "embeddings of complex64, expected float32"),
        (lambda audio: (audio[:, :4] * 9).long(), "embeddings of int64, expected float32"),
        (lambda audio: audio[:, :4] / 0, "not finite"),
        (lambda audio: [1.0, 2.0], "embeddings of type list for 2 clips"),
        (lambda audio: None, "embeddings of type NoneType for 2 clips"),
        (lambda audio: audio.nonsense, r"failed on audio of shape \(2, 32000\): AttributeError"),
    ],
)
def test_a_function_that_breaks_the_contract_is_refused_in_one_line(function, fault):
    with pytest.raises(ValueError, match=fault) as raised:
        built(model(function, sample_rate=RATE, name="mine"))
    assert str(raised.value).startswith("mine: its function ")
    assert "\n" not in str(raised.value)


def test_timestamps_are_checked():
    def timed(audio):
        return audio.unfold(1, 400, 400), np.arange(audio.shape[1] // 400) * 0.025

    with pytest.raises(ValueError, match="its function of timestamps returned timestamps that look like seconds"):
        built(model(spectrum, sample_rate=RATE, timestamps=timed))


@pytest.mark.parametrize(
    ("value", "options", "fault"),
    [
        (object(), {}, "got an object of type object"),
        (7, {}, "got 7"),
        (None, {}, "got None"),
        (Net, {}, "got the class Net; make an object of it"),
        (spectrum, {}, "spectrum: needs the rate of its clips in Hz"),
        (spectrum, {"sample_rate": 0}, "sample_rate must be a positive whole number of Hz, got 0"),
        (spectrum, {"sample_rate": 16000.0}, "sample_rate must be a positive whole number of Hz, got 16000.0"),
        (spectrum, {"sample_rate": RATE, "name": "a b"}, "name must be of letters"),
        (spectrum, {"sample_rate": RATE, "version": 2}, "version must be a text"),
        (spectrum, {"sample_rate": RATE, "weights": "mine"}, "weights must be none or untrained-SEED, got 'mine'"),
        (spectrum, {"sample_rate": RATE, "timestamps": 3}, "timestamps must be a function"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(value, options, fault):
    with pytest.raises(ValueError, match=fault) as raised:
        model(value, **options)
    assert "\n" not in str(raised.value)


def test_weights_can_be_declared():
    first, second = (model(Net(seed), weights="untrained-0").spec() for seed in (0, 1))
    assert first.weights == second.weights == "untrained-0"
    assert first.checkpoint != second.checkpoint  # whose weights are part of what tells them apart
    assert short_name(first.checkpoint)[0] == "Net"


def test_fingerprints_follow_the_object_alone():
    assert built(model(Net(), name="one")).fingerprint == built(model(Net(), name="two")).fingerprint
    assert built(model(Net(1))).fingerprint != built(model(Net())).fingerprint


def test_another_process_has_no_object():
    with pytest.raises(ValueError, match="python:mine.version=1: this process has no such object"):
        registry.build(registry.resolve("python:mine?version=1"), device="cpu")
    with pytest.raises(ValueError, match="'python:mine' names no Python object"):
        registry.card("python:mine")
