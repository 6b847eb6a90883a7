import concurrent.futures
import multiprocessing

from ablations.benchmarks import step_memory, training
from passt import complexity
from passt.catalog import checkpoints
from passt.network.patchout import Patchout

LIGHT = checkpoints.get("passt_l_kd_p16_128_ap47")  # 7 blocks, the smallest


def test_memory_is_measured_in_a_fresh_process():
    gradients = 4 * complexity.parameters(LIGHT)
    memory = step_memory.step_memory(LIGHT, "cpu", "fp32", 1, Patchout(rows=11, columns=90))
    assert 0.9 * gradients < memory < 2 * gradients  # of nine patches


def measured(*choices):
    """The highest of four: samples can miss a short peak on a busy machine, and never see more than there is."""
    step_memory.sound = lambda batch: training.sound(batch)[:, :64000]
    return [max(step_memory._measured(LIGHT, "cpu", "fp32", 2, choice) for _ in range(4)) for choice in choices]


def test_memory_of_a_step_is_its_activations_and_gradients():
    fresh = multiprocessing.get_context("spawn")  # memory that other tests have freed would be taken again unseen
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=fresh) as process:
        left, every = process.submit(measured, Patchout(rows=8, columns=15), Patchout()).result()
    gradients = 4 * complexity.parameters(LIGHT)
    assert 0.9 * gradients < left < every - 50e6
    # of 230 and 18 tokens in each block: two norms, qkv, attention's output, the MLP's hidden layer before and after
    assert every - left > 0.8 * 2 * (230 - 18) * 7 * 4 * (2 + 3 + 1 + 4 + 4) * 768
