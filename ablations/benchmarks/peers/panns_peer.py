"""Time panns_inference on this machine, for `ablate benchmark models`.

An interpreter that has the package runs this script. The network keeps its random initialization. The package downloads
a list of labels when it is imported; this script gives it a made-up one. The command line has a JSON request; the
answer is JSON: {"scene": seconds, "version": ...}.
"""

import contextlib
import importlib.metadata
import json
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

CLASSES = 527


def tagging(device: str) -> Any:
    """Make the package's AudioTagging with an untrained Cnn14."""
    with tempfile.TemporaryDirectory() as home:
        labels = Path(home) / "panns_data" / "class_labels_indices.csv"
        labels.parent.mkdir()
        labels.write_text("index,mid,display_name\n" + "".join(f"{i},{i},{i}\n" for i in range(CLASSES)))
        os.environ["HOME"] = home
        from panns_inference import AudioTagging
        from panns_inference.models import Cnn14
    model = object.__new__(AudioTagging)  # its constructor needs a file of weights
    model.model = Cnn14(
        sample_rate=32000, window_size=1024, hop_size=320, mel_bins=64, fmin=50, fmax=14000, classes_num=CLASSES
    ).to(device)
    model.device = device
    return model


def main() -> None:
    """Answer the request."""
    import torch

    request = json.loads(sys.argv[1])
    torch.set_num_threads(request["threads"])
    warnings.filterwarnings("ignore")
    with contextlib.redirect_stdout(sys.stderr):
        model = tagging(request["device"])
        clips = (0.1 * torch.randn(request["clips"], request["samples"])).numpy()
        model.inference(clips)
        seconds = []
        for _ in range(request["repeats"]):
            start = time.perf_counter()
            model.inference(clips)
            seconds.append(time.perf_counter() - start)
    json.dump({"scene": min(seconds), "version": importlib.metadata.version("panns_inference")}, sys.stdout)


if __name__ == "__main__":
    main()
