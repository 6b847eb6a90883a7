"""Time hear21passt on this machine, for `ablate benchmark embed`.

An interpreter that has the package runs this script, beside a CPU build of torch and without weights. Empty modules
replace timm, which the package needs for a download helper only, and the network keeps its random initialization. The
command line has a JSON request; the answer is JSON: {"scene": seconds, "timestamps": seconds}.
"""

import contextlib
import functools
import io
import json
import sys
import time
import types
import warnings
from collections.abc import Callable
from typing import Any


def build() -> Any:
    """Make hear21passt's wrapper of its base model, untrained."""
    for name in ("timm", "timm.models", "timm.models._hub"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["timm.models._hub"].__dict__["download_cached_file"] = None
    from hear21passt.models.passt import get_model
    from hear21passt.models.preprocess import AugmentMelSTFT
    from hear21passt.wrapper import PasstBasicWrapper

    front_end = {"n_mels": 128, "sr": 32000, "win_length": 800, "hopsize": 320, "n_fft": 1024, "htk": False}
    mel = AugmentMelSTFT(**front_end, freqm=48, timem=192, fmin=0.0, fmax=None, fmin_aug_range=10, fmax_aug_range=2000)
    net = get_model(arch="passt_s_swa_p16_128_ap476", pretrained=False)
    return PasstBasicWrapper(mel=mel, net=net).eval()


def best(run: Callable[[], Any], repeats: int, device: str) -> float:
    """Return the seconds of the fastest run."""
    import torch

    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        if device != "cpu":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Answer the request."""
    import torch

    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    warnings.filterwarnings("ignore")
    with contextlib.redirect_stdout(io.StringIO()), torch.inference_mode():
        model = build().to(request["device"])
        clips = torch.randn(request["clips"], request["scene_samples"], device=request["device"]) * 0.1
        timed = torch.randn(request["timestamp_clips"], request["timestamp_samples"], device=request["device"]) * 0.1
        model.get_scene_embeddings(clips[:1])
        runs = {
            "scene": functools.partial(model.get_scene_embeddings, clips),
            "timestamps": functools.partial(model.get_timestamp_embeddings, timed),
        }
        answer = {name: best(run, request["repeats"], request["device"]) for name, run in runs.items()}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
