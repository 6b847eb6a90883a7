"""How much memory a step of training takes beyond the network and its clips: activations and gradients."""

import concurrent.futures
import multiprocessing

import torch

from ablations.benchmarks.training import recipe_of, sound, trained, training_step
from ablations.system.device_memory import peak, reset_peak
from ablations.system.memory import anonymous, give_back, watched
from passt.catalog.checkpoints import Checkpoint
from passt.network.patchout import Patchout


def step_memory(checkpoint: Checkpoint, device: str, precision: str, batch: int, choice: Patchout) -> float:
    """Bytes at the highest, above those before the network's first step.

    On a CPU it is the anonymous memory of a process of its own; on CUDA what torch's allocator has given out.
    """
    if torch.device(device).type == "cuda":
        return _measured(checkpoint, device, precision, batch, choice)
    fresh = multiprocessing.get_context("spawn")  # nothing that was freed before is taken again unseen
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=fresh) as process:
        return process.submit(_measured, checkpoint, device, precision, batch, choice).result()


def _measured(checkpoint: Checkpoint, device: str, precision: str, batch: int, choice: Patchout) -> float:
    recipe = recipe_of(checkpoint, choice, precision)
    step = training_step(trained(recipe, device), recipe, sound(batch).to(device))
    if torch.device(device).type == "cuda":
        give_back()
        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated(device)
        reset_peak(torch.device(device))
        step()
        return peak(torch.device(device)) - before
    give_back()
    before = anonymous()
    with watched(every_s=0.02) as seen:
        step()
    return seen.bytes - before
