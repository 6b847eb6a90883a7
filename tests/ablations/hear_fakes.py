"""HEAR modules made for tests: small, quick, and wrong in every way there is."""

TORCH = """
import os, sys
import torch

print("this is no answer")

class Model(torch.nn.Module):
    sample_rate, scene_embedding_size, timestamp_embedding_size = 16000, 4, 3

    def __init__(self, scale, fault):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(float(scale)))
        self.fault = fault

def load_model(path="", scale=1.0, fault=""):
    if fault == "load":
        raise RuntimeError("no weights\\nto be had")
    if fault == "exit":
        sys.exit("enough")
    if fault == "dies":
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(3)
    if fault == "killed":
        os.kill(os.getpid(), 9)
    model = Model(float(open(path).read()) if path else scale, fault)
    if fault == "rate":
        model.sample_rate = 16000.0
    if fault == "no size":
        model.scene_embedding_size = "4"
    return torch.nn.Module.state_dict if fault == "no model" else model

def get_timestamp_embeddings(audio, model):
    print("still no answer")
    hop, fault = 640, model.fault  # 40 ms
    steps = torch.nn.functional.pad(audio, (0, hop)).unfold(1, hop, hop)
    found = model.weight * torch.stack([steps.mean(-1), steps.abs().mean(-1), steps.abs().amax(-1)], -1)
    times = (torch.arange(found.shape[1]) * 40.0).repeat(len(audio), 1)
    if fault == "raises":
        raise IndexError("too short")
    if fault in ("float16", "float64"):
        found = found.to(getattr(torch, fault))
    if fault == "width":
        found = found[..., :2]
    if fault == "clips":
        found, times = found[:1], times[:1]
    if fault == "alone":
        return found
    if fault == "times":
        times = times[0]
    if fault == "other times":
        times[1:] += 1
    if fault == "half times":
        times = times.half()
    if fault == "not finite":
        times[:, 2] = float("nan")
    if fault == "backwards":
        times = times.flip(1)
    if fault == "irregular":
        times[:, -1] += 3
    if fault == "seconds":
        times = times / 1000
    if fault == "frames":
        times = times / 40
    if fault == "samples":
        times = times * 16
    if fault == "none":
        found, times = found[:, :0], times[:, :0]
    return (found.detach().numpy(), times.numpy()) if fault == "arrays" else (found, times)

def get_scene_embeddings(audio, model):
    found = get_timestamp_embeddings(audio, Model(1, ""))[0]
    found = model.weight * torch.cat([found.mean(1), found[..., 1].amax(1, keepdim=True)], 1)
    if model.fault == "scene":
        found = found[:, None]
    if model.fault == "list":
        found = found.tolist()
    return found.detach().numpy() if model.fault == "arrays" else found
"""

TENSORFLOW = """
class Module:
    pass

class Tensor:
    def __init__(self, values):
        self.values, self.dtype, self.shape = values, values.dtype, values.shape
    def numpy(self):
        return self.values

def convert_to_tensor(values):
    return Tensor(values)
"""

OF_TENSORFLOW = """
import sys
import numpy as np
import tensorflow as tf

class Model(tf.Module):
    sample_rate, scene_embedding_size, timestamp_embedding_size = 16000, 2, 1

def load_model():
    assert "torch" not in sys.modules
    return Model()

def get_timestamp_embeddings(audio, model):
    steps = audio.values.shape[1] // 1600
    found = audio.values[:, : 1600 * steps].reshape(len(audio.values), steps, 1600).mean(-1, keepdims=True)
    times = np.tile(50 + 100 * np.arange(steps, dtype=np.float64), (len(found), 1))
    return tf.convert_to_tensor(found), tf.convert_to_tensor(times)

def get_scene_embeddings(audio, model):
    if audio.values.shape[1] == 1:
        import time
        time.sleep(60)
    return tf.convert_to_tensor(np.stack([audio.values.mean(1), audio.values.max(1)], 1))
"""
