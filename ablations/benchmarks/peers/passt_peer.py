"""Times hear21passt on this machine; run by `ablate benchmark` with an interpreter that has it, on its own.

Works beside a CPU build of torch and without weights: timm, which the package wants for a download helper only, is
replaced by empty modules, and the network keeps its random initialization. Reads a JSON request from the command line,
prints a JSON answer: {"scene": seconds, "timestamps": seconds}.
"""

import contextlib
import io
import json
import sys
import time
import types
import warnings


def build():
    """hear21passt's wrapper of its base model, untrained."""
    for name in ("timm", "timm.models", "timm.models._hub"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["timm.models._hub"].download_cached_file = None
    from hear21passt.models.passt import get_model
    from hear21passt.models.preprocess import AugmentMelSTFT
    from hear21passt.wrapper import PasstBasicWrapper

    front_end = {"n_mels": 128, "sr": 32000, "win_length": 800, "hopsize": 320, "n_fft": 1024, "htk": False}
    mel = AugmentMelSTFT(**front_end, freqm=48, timem=192, fmin=0.0, fmax=None, fmin_aug_range=10, fmax_aug_range=2000)
    net = get_model(arch="passt_s_swa_p16_128_ap476", pretrained=False)
    return PasstBasicWrapper(mel=mel, net=net).eval()


def main() -> None:
    import torch

    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    warnings.filterwarnings("ignore")
    with contextlib.redirect_stdout(io.StringIO()), torch.inference_mode():
        model = build().to(request["device"])
        clips = torch.randn(request["clips"], request["scene_samples"], device=request["device"]) * 0.1
        clip = torch.randn(1, request["timestamp_samples"], device=request["device"]) * 0.1
        model.get_scene_embeddings(clips[:1])
        answer = {}
        for name, run in (
            ("scene", lambda: model.get_scene_embeddings(clips)),
            ("timestamps", lambda: model.get_timestamp_embeddings(clip)),
        ):
            seconds = []
            for _ in range(request["repeats"]):
                start = time.perf_counter()
                run()
                if request["device"] != "cpu":
                    torch.cuda.synchronize(request["device"])
                seconds.append(time.perf_counter() - start)
            answer[name] = min(seconds)
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
