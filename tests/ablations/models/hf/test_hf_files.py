"""Where the files of an encoder come from, and what is refused."""

import json
import shutil
import time

import pytest
import torch

from ablations.models import registry
from tests.ablations.models.hf import tiny
from tests.ablations.models.hf.direct import sound
from tests.ablations.models.hf.hub import COMMIT, Hub


@pytest.fixture
def hub(folder_of, monkeypatch, tmp_path):
    """A hub with one encoder, and an empty cache."""
    served = Hub({"org/hubert": folder_of("hubert")})
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("PASST_OFFLINE")
    yield served
    served.close()


@pytest.fixture
def copy_of(folder_of, tmp_path):
    """A copy of an encoder's folder, to be changed."""
    return lambda kind, name="copy": shutil.copytree(folder_of(kind), tmp_path / name)


def build(name):
    return registry.build(registry.resolve(name), device="cpu")


def edited(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_repository_is_fetched_once_and_is_the_folder_it_was_made_of(hub, folder_of, monkeypatch):
    fetched = build("hf:org/hubert")
    asked = len(hub.asked)
    assert ("GET", "/org/hubert/resolve/" + COMMIT + "/model.safetensors") in hub.asked
    assert fetched.fingerprint == build(f"hf:{folder_of('hubert')}").fingerprint
    assert build("hf:org/hubert").fingerprint == fetched.fingerprint
    assert len(hub.asked) == asked
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert build("hf:org/hubert").fingerprint == fetched.fingerprint


def test_a_revision(hub):
    spec = registry.resolve("hf:org/hubert@v1.0@block1")
    assert str(spec) == "hf:org/hubert?revision=v1.0@block1@wown@smax@t50@published"
    assert registry.resolve(f"hf:org/hubert@{COMMIT}").checkpoint == f"hf:org/hubert?revision={COMMIT}"
    with pytest.raises(ValueError, match=r"^org/hubert: has no revision 'v2.0'$"):
        registry.resolve("hf:org/hubert@v2.0@block1")


def test_what_is_not_on_the_hub(hub):
    with pytest.raises(ValueError, match=r"^org/none at revision main: there is no such repository$"):
        registry.resolve("hf:org/none")


def test_offline_names_repository_revision_and_folder(hub, monkeypatch, tmp_path):
    for variable in ("HF_HUB_OFFLINE", "PASST_OFFLINE"):
        with monkeypatch.context() as patched:
            patched.setenv(variable, "1")
            with pytest.raises(ValueError, match="network is switched off") as error:
                registry.resolve("hf:org/hubert@v1.0")
            start = f"org/hubert at revision v1.0: config.json is not in the cache {tmp_path}/hub, and"
            assert str(error.value).startswith(start)
    registry.resolve("hf:org/hubert")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        ValueError, match=f"main: model.safetensors is not in the cache {tmp_path}/hub, and the network"
    ):
        build("hf:org/hubert")


def test_the_network_is_away(hub, tmp_path, monkeypatch):
    hub.close()
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between the library's attempts
    with pytest.raises(ValueError, match=rf"^org/hubert at revision main: config.json .*{tmp_path}/hub") as error:
        registry.resolve("hf:org/hubert")
    assert "\n" not in str(error.value)


def test_the_fingerprint_is_of_tensors_configuration_and_preprocessor(copy_of, folder_of, tmp_path):
    known = build(f"hf:{folder_of('hubert')}").fingerprint
    folder = copy_of("hubert")
    assert build(f"hf:{folder}").fingerprint == known
    edited(folder / "config.json", layer_norm_eps=1e-3)
    changed = build(f"hf:{folder}").fingerprint
    edited(folder / "preprocessor_config.json", do_normalize=False)
    again = build(f"hf:{folder}").fingerprint
    other = build(f"hf:{tiny.save('hubert', tmp_path / 'other', seed=1)}").fingerprint
    assert len({known, changed, again, other}) == 4


def test_a_pickle_is_taken_where_it_is_asked_for(copy_of, folder_of):
    folder = copy_of("hubert")
    tensors = build(f"hf:{folder}").network.whole.state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    with pytest.raises(
        ValueError, match=r"only weights that are a pickle \(pytorch_model.bin\), expected .*\?pickle=true"
    ):
        build(f"hf:{folder}")
    asked = build(f"hf:{folder}?pickle=true")
    assert asked.fingerprint == build(f"hf:{folder_of('hubert')}").fingerprint
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(
        ValueError, match=r"has no weights, expected model.safetensors in .*; untrained-SEED needs none"
    ):
        build(f"hf:{folder}")
    assert build(f"hf:{folder}@untrained-0").scene([sound(16000)], [("features", None)])


def test_weights_that_lack_tensors_are_refused(copy_of):
    from safetensors.torch import load_file, save_file

    folder = copy_of("hubert")
    tensors = load_file(folder / "model.safetensors")
    lost = next(name for name in sorted(tensors) if "layers.1.attention.k_proj.weight" in name)
    save_file(
        {name: value for name, value in tensors.items() if name != lost}, folder / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(ValueError, match=r"its weights lack 1 tensors of the network, such as .*k_proj.weight"):
        build(f"hf:{folder}")


def test_what_has_no_audio_encoder(tmp_path):
    import transformers

    folder = tmp_path / "text"
    transformers.BertConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=1).save_pretrained(folder)
    with pytest.raises(ValueError, match=r"has no audio encoder: no preprocessor_config.json or processor_config.json"):
        registry.resolve(f"hf:{folder}")
    (folder / "preprocessor_config.json").write_text('{"image_processor_type": "ViTImageProcessor"}')
    with pytest.raises(ValueError, match="hf:.*text: .*preprocessor") as error:
        registry.resolve(f"hf:{folder}")
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match="no config.json in .*, which the folder of a model has"):
        registry.resolve(f"hf:{tmp_path}")
    with pytest.raises(ValueError, match="no folder at .*none"):
        registry.resolve(f"hf:{tmp_path}/none")


def test_a_level_of_another_model(folder_of):
    with pytest.raises(ValueError, match=r"hubert: unknown level 'block12' .*; expected one of block0, "):
        registry.resolve(f"hf:{folder_of('hubert')}@block12")
    with pytest.raises(ValueError, match="unknown level 'logits'"):
        registry.resolve(f"hf:{folder_of('hubert')}@logits")
    with pytest.raises(ValueError, match="windows_ms must be 25 to 30000 ms, got 20 ms"):
        registry.resolve(f"hf:{folder_of('hubert')}@w20")
    with pytest.raises(ValueError, match="windows_ms must name at least one window"):
        registry.resolve(f"hf:{folder_of('clap')}@wown")


def test_code_of_a_repository_runs_where_it_is_asked_for(copy_of):
    folder = copy_of("hubert")
    edited(folder / "config.json", model_type="mine", auto_map={"AutoConfig": "mine.Mine", "AutoModel": "mine.Model"})
    (folder / "mine.py").write_text(
        "from transformers import HubertConfig, HubertModel\n"
        "class Mine(HubertConfig):\n    model_type = 'mine'\n"
        "class Model(HubertModel):\n    config_class = Mine\n"
    )
    with pytest.raises(ValueError, match=r"needs code of its own; to run it, add \?remote_code=true&revision=COMMIT"):
        registry.resolve(f"hf:{folder}")
    first = build(f"hf:{folder}?remote_code=true")
    assert first.scene([sound(16000)], [("block2", None)])["block2", None].shape == (1, 32)
    edited(folder / "config.json", auto_map={"AutoConfig": "mine.Mine", "AutoModel": "other/repo--mine.Model"})
    with pytest.raises(
        ValueError, match="its code is in another repository, 'other/repo--mine.Model', which has no revision"
    ):
        registry.resolve(f"hf:{folder}?remote_code=true")
