"""Masks are a function of seed and call, and as random as dropout needs them."""

import itertools

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from downstream.probes import dropout
from downstream.probes.dropout import Masks


def test_masks_of_many_probes_are_those_of_each_alone():
    seeds = [0, 1, 2**55 - 7]
    together, alone = Masks(seeds), [Masks([seed]) for seed in seeds]
    for units, items in ((5, 7), (64, 33), (1, 1)):
        found = together.keep(0.5, units, items)
        assert found.shape == (3, units, items)
        assert set(found.unique().tolist()) <= {0.0, 1.0}
        for mask, own in zip(found, alone, strict=True):
            assert torch.equal(mask, own.keep(0.5, units, items)[0])


def test_masks_go_on_when_probes_leave(monkeypatch):
    monkeypatch.setattr(dropout, "CALLS", 3)
    some, all_ = Masks([5, 6, 7]), Masks([5, 6, 7])
    for call in range(8):
        if call == 2:
            some.select([0, 2])
        if call == 6:
            some.select([1])
        kept = [0, 1, 2] if call < 2 else [0, 2] if call < 6 else [2]
        assert torch.equal(some.keep(0.3, 6, 5), all_.keep(0.3, 6, 5)[kept])


def test_masks_begin_anew_when_they_are_joined():
    first, second = Masks([1]), Masks([2])
    wanted = torch.cat([first.keep(0.5, 3, 4), second.keep(0.5, 3, 4)])
    assert torch.equal(Masks.stacked([first, second]).keep(0.5, 3, 4), wanted)


def test_further_items_change_nothing_for_the_first():
    assert torch.equal(Masks([3]).keep(0.1, 20, 30), Masks([3]).keep(0.1, 20, 50)[..., :30])


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_share_that_is_dropped(p):
    found = torch.cat([Masks([seed]).keep(p, 512, 512) for seed in range(8)])
    error = (p * (1 - p) / found.numel()) ** 0.5
    assert 1 - found.mean().item() == pytest.approx(p, abs=4 * error)
    for axis in (1, 2):  # by unit, by item: the spread is the binomial one
        spread = found.mean(dim=axis).std().item()
        assert spread == pytest.approx((p * (1 - p) / 512) ** 0.5, rel=0.06)


def test_seeds_calls_units_and_items_are_independent():
    masks = Masks(range(4))
    drawn = torch.stack([masks.keep(0.5, 256, 256) for _ in range(4)]).flatten(0, 1) - 0.5
    flat = drawn.flatten(1)
    n = flat.shape[1]
    for one, other in itertools.combinations(flat, 2):
        assert abs((one * other).sum().item() / (0.25 * n)) < 5 * n**-0.5
    for shift in (1, 2, 16, 128):
        for turned in (drawn.roll(shift, 1), drawn.roll(shift, 2)):
            assert abs((drawn * turned).mean().item() / 0.25) < 5 * drawn.numel() ** -0.5


def test_masks_do_not_come_again():
    masks = Masks([42])
    drawn = torch.stack([masks.keep(0.5, 4, 16)[0].flatten() for _ in range(3 * dropout.CALLS + 1)])
    assert len(drawn.unique(dim=0)) == len(drawn)


@pytest.mark.parametrize("p", [1e-9, 0.1, 0.5, 0.999999])
def test_masks_are_those_of_the_hash_as_it_is_published(p):
    """The program takes shortcuts; here are splitmix64 and lowbias32 in whole numbers."""

    def mixed(x, shifts, multipliers, bits):
        for shift, multiplier in zip(shifts, multipliers, strict=False):
            x = ((x ^ (x >> shift)) * multiplier) % 2**bits
        return x ^ (x >> shifts[-1]) if len(shifts) > len(multipliers) else x

    def splitmix(x):
        return mixed(x, (30, 27, 31), (0xBF58476D1CE4E5B9, 0x94D049BB133111EB), 64)

    def lowbias(x):
        return mixed(x, (16, 15), (0x7FEB352D, 0x846CA68B), 32)

    seeds, shape = [0, 2**64 - 1], (3, 5)
    masks = Masks(seeds)
    for call in range(2):
        drawn = masks.keep(p, *shape)
        for seed, mask in zip(seeds, drawn.tolist(), strict=True):
            keys = splitmix((splitmix(seed) + (call + 1) * 0x9E3779B97F4A7C15) % 2**64)
            first, second = keys % 2**32, keys >> 32
            for unit, item in itertools.product(*map(range, shape)):
                bits = lowbias((lowbias((unit << 16 | item) ^ first) + second) % 2**32)
                signed = (bits >> 16) - (bits >> 31 << 16)
                assert mask[unit][item] == (signed >= round(p * 2**16) - 2**15)


WANTED = ["1001010111010001", "1100010110110100", "0010110010000000", "1001011001001011"]


def test_a_mask_that_stays_the_same():
    """In every version, on every device: runs that are gone on with depend on it."""
    rows = ["".join(str(int(kept)) for kept in row) for row in Masks([42]).keep(0.5, 4, 16)[0].tolist()]
    assert rows == WANTED


def test_too_many_items_are_named():
    with pytest.raises(ValueError, match="at most 65536 items at once, got 65537"):
        Masks([0]).keep(0.1, 1, 65537)


def test_between_its_keys_nothing_is_copied_to_the_device():
    """A copy would wait for all that a GPU still has to do, twice an epoch where the last batch is smaller."""
    seen = []

    class Seen(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            found = func(*args, **(kwargs or {}))
            made = found if isinstance(found, list | tuple) else [found]
            seen.extend(tensor.device.type for tensor in made)
            return found

    masks = Masks([1], "meta")
    masks.keep(0.1, 4, 8)
    with Seen():
        assert masks.keep(0.1, 4, 5).shape == (1, 4, 5)
    assert set(seen) == {"meta"}


@pytest.mark.gpu
def test_masks_on_cuda_are_those_of_the_cpu(cuda):
    here, there = Masks([1, 2]), Masks([1, 2], cuda)
    for _ in range(3):
        assert torch.equal(here.keep(0.1, 33, 65), there.keep(0.1, 33, 65).cpu())
