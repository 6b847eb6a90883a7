import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passt.catalog import checkpoints
from passt.catalog.architecture import Architecture
from passt.network import patchout
from passt.network.model import SPECIAL, Passt
from passt.network.patchout import PAPER, Patchout
from passt.weights import load

GRID = (12, 99)  # of 10 s at hop 10 ms


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "all_patches", "left"),
    [("passt_s_swa_p16_128_ap476", 1188, 472), ("stfthop160", 2388, 594), ("stfthop100", 3828, 1014)],
)
def test_the_papers_sequence_lengths(name, all_patches, left):
    checkpoint = checkpoints.get(name)
    grid = (checkpoint.grid[0], checkpoint.columns(320000))
    assert grid[0] * grid[1] == all_patches
    assert PAPER[checkpoint.hop].tokens(grid) == left
    assert len(PAPER[checkpoint.hop].keep(grid, generator())) == left


@st.composite
def _patchout_of_a_grid(draw) -> tuple[Patchout, tuple[int, int]]:
    frequency, time = draw(st.integers(1, 12)), draw(st.integers(1, 40))
    rows, columns = draw(st.integers(0, frequency - 1)), draw(st.integers(0, time - 1))
    patches = draw(st.integers(0, (frequency - rows) * (time - columns) - 1))
    return Patchout(rows, columns, patches), (frequency, time)


@given(_patchout_of_a_grid(), st.integers(0, 2**32))
def test_what_is_kept_is_counted_in_order_and_in_the_grid(case, seed):
    choice, (frequency, time) = case
    kept = choice.keep((frequency, time), generator(seed))
    assert kept.dtype == torch.int64
    assert len(kept) == choice.tokens((frequency, time))
    assert (kept.diff() > 0).all()
    assert kept[0] >= 0
    assert kept[-1] < frequency * time


@given(_patchout_of_a_grid(), st.integers(0, 2**32))
def test_a_structured_choice_is_rows_times_columns(case, seed):
    choice, (frequency, time) = case
    kept = Patchout(choice.rows, choice.columns).keep((frequency, time), generator(seed))
    rows, columns = (kept // time).unique(), (kept % time).unique()
    assert len(rows) == frequency - choice.rows
    assert len(columns) == time - choice.columns
    assert torch.equal(kept, torch.cartesian_prod(rows, columns) @ torch.tensor([time, 1]))


@pytest.mark.parametrize("choice", [PAPER[320], Patchout(patches=600), Patchout(2, 10, 300)])
def test_every_patch_is_kept_equally_often(choice):
    draws, stream = 2000, generator(3)
    counts = torch.zeros(GRID[0] * GRID[1])
    for _ in range(draws):
        counts[choice.keep(GRID, stream)] += 1
    share = choice.tokens(GRID) / counts.numel()
    sigma = (share * (1 - share) / draws) ** 0.5
    assert ((counts / draws - share).abs() < 5 * sigma).all()


def test_the_generator_decides():
    choice = Patchout(2, 10, 5)
    first = choice.keep(GRID, generator(1))
    assert torch.equal(first, choice.keep(GRID, generator(1)))
    assert not torch.equal(first, choice.keep(GRID, generator(2)))
    stream = generator(1)
    assert not torch.equal(choice.keep(GRID, stream), choice.keep(GRID, stream))
    state = torch.get_rng_state()
    choice.keep(GRID, generator(1))
    assert torch.equal(torch.get_rng_state(), state)


def test_no_patchout_keeps_everything_and_draws_nothing():
    stream = generator()
    kept = Patchout().keep(GRID, stream)
    assert torch.equal(kept, torch.arange(12 * 99))
    assert torch.equal(stream.get_state(), generator().get_state())
    patches = torch.randn(2, 12 * 99, 3)
    assert torch.equal(patchout.apply(patches, kept), patches)


def test_what_is_left_out_is_not_computed_and_changes_no_gradient(monkeypatch):
    net = Passt(Architecture(n_classes=3, width=32, heads=2, depth=1, n_frames=60))
    for number, parameter in enumerate(net.parameters()):
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(number))
    mel = torch.randn(2, 128, 16 + 10 * 3, generator=generator())
    kept = Patchout(rows=3, columns=1, patches=4).keep((12, 4), generator())
    special = list(range(SPECIAL))

    def gradients(tokens):
        parameters = [net.patch_embed.proj.weight, net.patch_embed.proj.bias, net.time_new_pos_embed]
        parameters += [net.freq_new_pos_embed, net.cls_token]
        return torch.autograd.grad(tokens.square().sum(), parameters)

    every = net.tokens(mel, first=2)
    wanted = every[:, special + (kept + SPECIAL).tolist()]
    monkeypatch.setattr(net.patch_embed, "forward", None)
    found = net.tokens(mel, kept, first=2)
    assert torch.allclose(found, wanted, atol=1e-6)
    for one, other in zip(gradients(found), gradients(wanted), strict=True):
        assert torch.allclose(one, other, atol=1e-4 * other.abs().max().item())


def test_the_patches_kept_have_the_values_and_encodings_they_had():
    checkpoint = checkpoints.get("passt_l_kd_p16_128_ap47")
    net = Passt(checkpoint)
    net.load_state_dict(load.untrained(checkpoint, 0))
    mel = torch.randn(2, 128, 16 + 10 * 4, generator=generator())
    with torch.no_grad():
        tokens = net.tokens(mel)
        pixels = net.patch_embed(mel[:, None])
    grid = tuple(pixels.shape[2:])
    kept = Patchout(rows=3, columns=1, patches=4).keep(grid, generator())
    found = patchout.apply(tokens[:, SPECIAL:], kept)
    assert found.shape == (2, 9 * 4 - 4, checkpoint.width)
    for place, index in enumerate(kept.tolist()):
        f, t = divmod(index, grid[1])
        encoded = pixels[..., f, t] + net.freq_new_pos_embed[..., f, 0] + net.time_new_pos_embed[..., 0, t]
        assert torch.equal(found[:, place], tokens[:, SPECIAL + index])
        assert torch.allclose(found[:, place], encoded, atol=1e-6)


def test_gradients_reach_the_patches_kept_only():
    patches = torch.ones(1, 6, 2, requires_grad=True)
    patchout.apply(patches, torch.tensor([1, 4])).sum().backward()
    assert patches.grad[0, :, 0].tolist() == [0, 1, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("choice", "grid", "message"),
    [
        (Patchout(rows=12), GRID, "patchout rows must be less than the grid's 12, got 12"),
        (Patchout(columns=40), (12, 9), "patchout columns must be less than the grid's 9, got 40"),
        (Patchout(patches=600), (8, 62), "patchout patches must be less than the 496 there are, got 600"),
        (Patchout(rows=4, columns=40, patches=472), GRID, "patches must be less than the 472 there are, got 472"),
    ],
)
def test_more_than_there_is_is_refused_in_one_line(choice, grid, message):
    with pytest.raises(ValueError, match=message) as error:
        choice.keep(grid, generator())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fields", [{"rows": -1}, {"columns": 2.0}, {"patches": True}])
def test_counts_are_whole_numbers(fields):
    ((name, value),) = fields.items()
    with pytest.raises(ValueError, match=f"patchout {name} must be a whole number, 0 or more, got {value}"):
        Patchout(**fields)


@pytest.mark.gpu
def test_on_cuda(cuda):
    patches = torch.randn(2, 12 * 99, 3, device=cuda)
    kept = PAPER[320].keep(GRID, generator())
    assert torch.equal(patchout.apply(patches, kept).cpu(), patches.cpu()[:, kept])
    there = PAPER[320].keep(GRID, torch.Generator(cuda).manual_seed(0))
    assert there.device.type == "cuda"
    assert len(there) == 472
