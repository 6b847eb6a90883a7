"""Render a plan to samples: sounds of one form and length together, then each at its places."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ablations.training.corpus.items import Item, draws_of, grouped
from ablations.training.corpus.plan import Plan
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.engines import synthesized
from ablations.training.corpus.synthesis.randomness import OFFSETS, whole
from ablations.training.corpus.synthesis.sounds import Sound, expanded, form, joined, part
from ablations.training.corpus.vocabulary import KINDS
from passt.windows.batches import Budget

LENGTHS = tuple(1024 * n for n in (1, 2, 4, 8, 16, 32, 64, 128, 192, 320, 480))  # lengths of rendered sounds in samples
AT_ONCE = 1 << 20  # samples rendered together on a CPU, whose cache they fit
BYTES_PER_SAMPLE, SHARE = 50, 0.1  # 46 are in use at the peak, counted on a CPU; of a GPU's memory for each thread
QUIET = 0.1  # root mean square of the loudest part of a sound at 0 dB
END = 0.008  # s, of the fade at the end of a sound that has not died away


def dry(plan: Plan, samples: int, rate: int, device: torch.device) -> Tensor:
    """Sum the sounds of each clip, without rooms.

    Args:
        plan: the clips.
        samples: length of a clip in samples.
        rate: sample rate in Hz.
        device: where the sounds are computed.

    Returns:
        (clips, samples), float32, on the device.
    """
    audio = torch.zeros(len(plan.keys), samples, device=device)
    places = defaultdict(list)
    for placement in plan.placements:
        places[placement.item].append(placement)
    for indices, rendered in _rendered(plan.items, rate, device):
        for row, index in zip(rendered, indices, strict=True):
            audible = int((plan.items[index].seconds + END) * rate) + 1
            for place in places[index]:
                start = int(place.start * rate)
                count = min(audible, len(row), samples - start)
                audio[place.clip, start : start + count].add_(row[:count], alpha=QUIET * place.gain)
    return audio


def _rendered(items: tuple[Item, ...], rate: int, device: torch.device) -> Iterator[tuple[list[int], Tensor]]:
    """Render items in groups of bounded size: indices of n items, and their samples (n, length)."""
    groups: dict[tuple[Any, ...], list[tuple[list[int], Sound]]] = defaultdict(list)
    for (kind, length), indices in grouped(items, lambda item: (item.kind, _length(item, rate))).items():
        chosen = [items[index] for index in indices]
        draws = draws_of(chosen, length, rate)
        sound = expanded(_ended(KINDS[kind].make(draws), draws, chosen), len(indices))
        groups[length, *form(sound)].append((indices, sound))
    for (length, *_), parts in groups.items():
        indices = [index for members, _ in parts for index in members]
        sound = joined([sound for _, sound in parts])
        offsets = torch.tensor([[whole(items[i].key, f"noise {t}", OFFSETS) for t in (0, 1)] for i in indices])
        step = Budget.of_memory(device, AT_ONCE, BYTES_PER_SAMPLE, SHARE).rows(length)
        for first in range(0, len(indices), step):
            rows = slice(first, first + step)
            chunk = part(sound, rows, device)
            yield indices[rows], synthesized(chunk, offsets[rows].to(device), length, rate)


def _length(item: Item, rate: int) -> int:
    """Choose the shortest length that holds an item."""
    needed = (item.seconds + END) * rate
    return next((length for length in LENGTHS if length >= needed), LENGTHS[-1])


def _ended(sound: Sound, draws: Draws, items: list[Item]) -> Sound:
    """Let the envelopes end with the sounds, and fade or tremble if the plan says so."""
    share = (draws.time / draws.seconds).clamp(0, 1)
    envelope = sound.envelope * ((draws.seconds + END - draws.time) / END).clamp(0, 1)
    if any(item.dynamics for item in items):
        turn = torch.cos(2 * torch.pi * draws.log("tremolo", 3.5, 9.0) * draws.time)
        shapes = {
            None: torch.ones_like(share),
            "tremolo": 0.55 + 0.45 * turn,
            "fade in": share.square(),
            "fade out": (1 - share).square(),
        }
        envelope = envelope * torch.stack([shapes[item.dynamics][row] for row, item in enumerate(items)])
    return replace(sound, envelope=envelope)
