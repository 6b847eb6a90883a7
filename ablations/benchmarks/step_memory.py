"""Memory of a training step beyond the network and its clips: activations and gradients."""

import concurrent.futures
import multiprocessing

import torch

from ablations.benchmarks.training import recipe_of, sound, trained, training_step
from ablations.system.device_memory import peak, reset_peak
from ablations.system.memory import anonymous, give_back, watched
from passt.catalog.checkpoints import Checkpoint
from passt.network.patchout import Patchout


def step_memory(checkpoint: Checkpoint, device: str, precision: str, batch: int, patchout: Patchout) -> float:
    """Return the peak of the network's first step, in bytes above those before it.

    On a CPU it is the anonymous memory of a process of its own, on CUDA the memory that torch has allocated.
    """
    if torch.device(device).type == "cuda":
        return _measured(checkpoint, device, precision, batch, patchout)
    fresh = multiprocessing.get_context("spawn")  # its allocator has no freed memory to use again
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=fresh) as process:
        return process.submit(_measured, checkpoint, device, precision, batch, patchout).result()


def _measured(checkpoint: Checkpoint, device: str, precision: str, batch: int, patchout: Patchout) -> float:
    recipe = recipe_of(checkpoint, patchout, precision)
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
    with watched(every_s=0.02) as highest:
        step()
    return highest.bytes - before
