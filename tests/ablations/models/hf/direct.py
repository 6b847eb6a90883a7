"""The library called directly on one window of sound: what the levels of an encoder have to be."""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.ablations.models.hf.tiny import KINDS

PATCH, STRIDE, BANDS, SPECIAL = 16, 10, 12, 2  # of an AST with 128 mel bands


class Direct:
    """An encoder, by the library's own classes.

    Attributes:
        extractor, model: of the library.
        rate: in Hz.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        import transformers

        self.kind = kind
        self.extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
        self.rate = self.extractor.sampling_rate
        self.model = getattr(transformers, KINDS[kind][2]).from_pretrained(folder).eval()

    @torch.no_grad()
    def levels(self, window: Tensor) -> dict[str, Tensor]:
        """Every level of one window (samples,)."""
        outputs, logits = self._run(window)
        frames = [self._of_window(hidden, len(window)) for hidden in outputs.hidden_states]
        levels = {f"block{number}": values.mean(0) for number, values in enumerate(frames)}
        levels |= {f"block{number}.max": values.amax(0) for number, values in enumerate(frames)}
        if self.kind == "ast":
            levels |= {f"block{n}.cls": hidden[0, :SPECIAL].mean(0) for n, hidden in enumerate(outputs.hidden_states)}
        if "pooler_output" in outputs:
            levels["features"] = outputs.pooler_output[0]
        else:
            levels["features"] = self._of_window(outputs.last_hidden_state, len(window)).mean(0)
        if logits is not None:
            levels["logits"] = logits[0].reshape(-1, logits.shape[-1]).mean(0)
        return levels

    @torch.no_grad()
    def hidden(self, window: Tensor) -> list[Tensor]:
        """The hidden states of one window, each (frames, width), without frames of padding."""
        return [self._of_window(hidden, len(window)) for hidden in self._run(window)[0].hidden_states]

    def _run(self, window):
        inputs = self.extractor(window.numpy(), sampling_rate=self.rate, return_tensors="pt")
        if self.kind.startswith("clap"):
            return self.model.audio_model(**inputs, output_hidden_states=True), None
        if self.kind in ("whisper", "moonshine"):
            return self.model.get_encoder()(**inputs, output_hidden_states=True), None
        inner = self.model.base_model
        if self.kind == "ast":
            inner = self.model.audio_spectrogram_transformer
        outputs = inner(**inputs, output_hidden_states=True)
        head = KINDS[self.kind][2].endswith(("ForCTC", "Classification"))
        return outputs, self.model(**inputs).logits if head else None

    def _of_window(self, hidden: Tensor, samples: int) -> Tensor:
        """The vectors whose center lies in the window: (frames or places, width)."""
        values = hidden[0]
        if values.ndim == 3:
            return values.flatten(1).T
        if self.kind == "ast":
            mel_frames = 1 + (samples - 400) // 160
            columns = sum(STRIDE * i + (PATCH - 1) / 2 < mel_frames for i in range(101))
            return values[SPECIAL:].reshape(BANDS, -1, values.shape[-1])[:, : max(1, columns)].flatten(0, 1)
        if self.kind == "whisper":
            return values[: math.ceil((samples - 160) / 320)]
        if self.kind == "wav2vec2_bert":
            return values[: (1 + (samples - 400) // 160) // 2]
        return values


def sound(samples: int, seed: int = 0) -> Tensor:
    """Noise that grows louder."""
    noise = np.random.default_rng(seed).normal(0, 0.1, samples)
    return torch.from_numpy((noise * np.linspace(0.2, 1, samples)).astype(np.float32))
