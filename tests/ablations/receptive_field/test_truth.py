"""Both methods on networks whose receptive fields are known in closed form."""

import numpy as np
import pytest
import torch

import ablations as ab
from ablations.models import registry
from ablations.receptive_field import sounds
from ablations.receptive_field.curves import shortest
from ablations.receptive_field.layout import Layout
from ablations.receptive_field.measure import Choice, Span, measure
from downstream.lookahead import looking_ahead
from tests.ablations.receptive_field.stacks import RATE, BoxStack, WindowMean, b_spline

LAST = ("last", None)
STRETCH = 2  # ms, and samples


def measured(embedder, nominal, choice: Choice, reach: int):
    """The tables of noise, without any rows of other taps than one."""
    heard = sounds.noise(embedder.sample_rate, reach, reach, choice.clips, choice.seed)
    return measure(embedder, nominal, heard, choice)


def true_shares(weights: np.ndarray, first: int, edges: np.ndarray) -> np.ndarray:
    """The shares of stretches of the squared weights, of which the first stands at an offset in samples."""
    squares = np.zeros(int(edges[-1] - edges[0]))
    begin = int(first - edges[0])
    squares[begin : begin + len(weights)] = weights**2
    return squares.reshape(-1, STRETCH).sum(1) / squares.sum()


@pytest.mark.parametrize(("width", "layers"), [(5, 1), (5, 4), (9, 8)])
@pytest.mark.parametrize("method", ["occlusion", "gradients"])
def test_a_stack_of_boxes_has_the_field_of_a_b_spline(width, layers, method):
    weights = b_spline(width, layers)
    choice = Choice(clips=300, stretch_ms=STRETCH, reach_ms=40, methods=(method,))
    numbers, curves = measured(BoxStack(width, layers), {LAST: None}, choice, reach=50)
    edges = np.append(curves["start_ms"], curves["stop_ms"].iloc[-1])
    expected = true_shares(weights, -(len(weights) // 2), edges)
    near = 1e-5 if method == "gradients" else 0.2 * expected.max()
    assert curves["share"].to_numpy() == pytest.approx(expected, abs=near)
    assert np.abs(curves["share"] - expected).sum() < (1e-4 if method == "gradients" else 0.15)
    assert (curves["share"][expected == 0] == 0).all(), "nothing outside the theoretical field"
    for part in (50, 95):
        begin, end = shortest(edges, expected, part / 100)
        assert numbers[f"ms_{part}"].item() == pytest.approx(
            end - begin, abs=1e-3 if method == "gradients" else STRETCH
        )
    assert numbers["future"].item() == pytest.approx(expected[edges[:-1] >= 0].sum(), abs=0.06)


def test_effects_of_a_linear_network_add_up_to_that_of_another_sound():
    choice = Choice(clips=2000, stretch_ms=STRETCH, reach_ms=12, methods=("occlusion",))
    numbers, curves = measured(BoxStack(5, 4), {LAST: None}, choice, reach=20)
    assert numbers["sum"].item() == pytest.approx(1, abs=0.1)
    assert (curves["change"] ** 2).sum() == pytest.approx(numbers["sum"].item())


def test_occlusion_by_silence_has_half_the_squares_of_occlusion_by_sound():
    options = {"clips": 300, "stretch_ms": STRETCH, "reach_ms": 12, "methods": ("occlusion",)}
    sums = [
        measured(BoxStack(5, 4), {LAST: None}, Choice(replacement=by, **options), reach=20)[0]["sum"].item()
        for by in ("sound", "silence")
    ]
    assert sums[1] / sums[0] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("dims", [3, 40], ids=["exact", "random directions"])
def test_gradients_sum_over_dimensions(dims):
    """Dimensions that see the sound later and later: the sum of their squared weights."""
    weights, shifts = b_spline(5, 2), tuple(range(0, dims))
    choice = Choice(clips=200, stretch_ms=STRETCH, reach_ms=80, methods=("gradients",))
    _, curves = measured(BoxStack(5, 2, shifts), {LAST: None}, choice, reach=90)
    edges = np.append(curves["start_ms"], curves["stop_ms"].iloc[-1])
    expected = np.mean([true_shares(weights, shift - len(weights) // 2, edges) for shift in shifts], axis=0)
    near = 1e-5 if dims < 8 else 0.15 * expected.max()
    assert curves["share"].to_numpy() == pytest.approx(expected, abs=near)


def test_embeddings_that_are_not_finite_have_no_field():
    stack = BoxStack(5, 4)
    stack.net[0].weight.fill_(np.nan)
    with pytest.raises(ValueError, match="boxes: last has no receptive field: its embeddings are not finite"):
        measured(stack, {LAST: None}, Choice(clips=2, stretch_ms=STRETCH, reach_ms=12), reach=20)


def test_a_causal_stack_has_no_future():
    choice = Choice(clips=8, stretch_ms=STRETCH, reach_ms=60)
    numbers, curves = measured(BoxStack(5, 4, causal=True), {LAST: None}, choice, reach=70)
    assert list(numbers["future"]) == [0.0, 0.0]
    assert (curves.loc[curves["start_ms"] >= 0, "share"] == 0).all()
    assert list(numbers["method"]) == ["occlusion", "gradients"]


def test_a_mean_over_windows_has_exactly_its_window():
    windows = {("mean", 64): (-32.0, 32.0), ("first", 64): (-32.0, 32.0), ("mean", 16): (-8.0, 8.0)}
    choice = Choice(clips=300, stretch_ms=4, methods=("occlusion",))
    numbers, curves = measured(WindowMean(), windows, choice, reach=40)
    assert list(numbers["outside"]) == [0.0, 0.0, 0.0]
    for (level, window), extent in windows.items():
        curve = curves[(curves["level"] == level) & (curves["window_ms"] == window)]
        stop = 0 if level == "first" else extent[1]
        inside = (curve["start_ms"] >= extent[0]) & (curve["stop_ms"] <= stop)
        assert (curve.loc[~inside, "share"] == 0).all()
        assert len(curve) > inside.sum(), "stretches outside are measured"
        assert curve.loc[inside, "share"].to_numpy() == pytest.approx(1 / inside.sum(), rel=0.35)
        row = numbers[(numbers["level"] == level) & (numbers["window_ms"] == window)].iloc[0]
        assert row["ms_95"] == pytest.approx(0.95 * (stop - extent[0]), abs=2)
    assert numbers.loc[numbers["level"] == "first", "future"].item() == 0


@pytest.mark.parametrize(
    ("extent", "stretch"),
    [
        ((-80, 80), 5),
        ((-1000, 1000), 50),
        ((-160, 0), 5),
        ((-30, 30), 1),
        ((-83, 83), 5),  # a prime: a stretch lies across each end
        (None, 50),
    ],
)
def test_stretches_end_with_the_window_where_they_can(extent, stretch):
    span = Span.of(extent, Choice())
    assert span.stretch_ms == stretch
    assert span.before_ms % stretch == span.behind_ms % stretch == 0


@pytest.mark.parametrize("ahead", [0, 8, 64])
def test_windows_with_a_look_ahead_end_there(ahead):
    choice = Choice(clips=20, stretch_ms=4)
    tap, extent = ("mean", 64), (ahead - 64.0, float(ahead))
    numbers, curves = measured(looking_ahead(WindowMean(), ahead), {tap: extent}, choice, reach=80)
    inside = (curves["start_ms"] >= extent[0]) & (curves["stop_ms"] <= extent[1])
    assert (curves.loc[inside, "share"] > 0).all()
    assert (curves.loc[~inside, "share"] == 0).all()
    assert (~inside).sum() == 4
    assert numbers["future"].item() == pytest.approx(ahead / 64, abs=0.2 * (0 < ahead < 64))


def test_a_causal_spec_has_no_future():
    found = ab.field("passt_demo@block1+block6@w160@ahead0", task=None, clips=2, stretch_ms=20)
    assert list(found.numbers["nominal_start"]) == [-160.0] * 4
    assert list(found.numbers["future"]) == [0.0] * 4
    assert list(found.numbers["outside"]) == [0.0] * 4
    assert found.model == "passt_demo@demo, look-ahead 0 ms"


def test_a_python_object_is_measured_by_occlusion():
    weights = b_spline(9, 3)

    def smooth(audio):
        kernel = torch.as_tensor(weights, dtype=torch.float32)[None, None]
        return torch.nn.functional.conv1d(audio[:, None], kernel, padding=len(weights) // 2)[:, 0, ::50, None]

    def scene(audio):
        return smooth(audio).mean(1)

    def timed(audio):
        values = smooth(audio)
        return values, torch.arange(values.shape[1]) * 50.0

    model = ab.model(scene, timestamps=timed, sample_rate=RATE)
    found = ab.field(model, task=None, clips=200, stretch_ms=STRETCH, reach_ms=40)
    assert list(found.numbers["method"]) == ["occlusion"]
    assert "torch does not follow" in found.facts["gradients"]
    edges = np.append(found.curves["start_ms"], found.curves["stop_ms"].iloc[-1])
    begin, end = shortest(edges, true_shares(weights, -(len(weights) // 2), edges), 0.95)
    assert found.numbers["ms_95"].item() == pytest.approx(end - begin, abs=STRETCH)
    assert (found.curves["share"][np.abs(edges[:-1] + 1) > len(weights) // 2 + 1] == 0).all()


@pytest.fixture(scope="module")
def passt():
    return registry.build(registry.resolve("passt_demo@block6@w160"), device="cpu")


def test_excerpts_end_to_end_are_embedded_as_if_alone(passt):
    taps = [("block1", 160), ("block6", 160)]
    excerpts = torch.randn(3, 32 * 200, generator=torch.Generator().manual_seed(0)) * 0.1
    together = Layout.of(passt, taps, 100, 100, own_hop=False, end_to_end=True)
    alone = Layout.of(passt, taps, 100, 100, own_hop=False, end_to_end=False)
    one, other = together.embed(excerpts), alone.embed(excerpts)
    for tap in taps:
        assert torch.allclose(one[tap], other[tap], atol=1e-5)
        assert not torch.allclose(one[tap][0], one[tap][1], atol=1e-2)


def test_gradients_of_passt_are_those_of_finite_differences(passt):
    """Along a direction of the samples, the change of an embedding is the gradient times the step."""
    from ablations.receptive_field.gradients import _learning
    from passt.windows.samples import differentiable

    layout = Layout.of(passt, [("block6", 160)], 100, 100, own_hop=False, end_to_end=True)
    stream = torch.Generator().manual_seed(0)
    sound, step = (torch.randn(2, 6400, generator=stream) * size for size in (0.1, 1e-4))
    projection = torch.randn(2, 192, generator=stream)
    with _learning(passt), differentiable():
        samples = sound.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((layout.embed(samples)["block6", 160] * projection).sum(), samples)
    after, before = (layout.embed(sound + sign * step)["block6", 160] for sign in (1, -1))
    for clip in range(2):
        expected = float((gradient[clip].double() * 2 * step[clip]).sum())
        assert float(((after - before)[clip].double() * projection[clip]).sum()) == pytest.approx(expected, rel=0.02)
    assert not any(parameter.requires_grad for parameter in passt.net.parameters()), "as before"


@pytest.mark.parametrize("model", ["passt_demo@block1+block12+mel@w160", "cnn_demo@block1+block15@w160"])
def test_windows_are_the_whole_field_of_networks(model):
    found = ab.field(model, task=None, clips=3, stretch_ms=10)
    assert (found.numbers["outside"] == 0).all()
    assert (found.numbers["reason"] == "").all()
    assert set(found.numbers["method"]) == {"occlusion", "gradients"}
    assert (found.numbers["ms_95"] <= found.numbers["nominal_stop"] - found.numbers["nominal_start"]).all()


def test_passt_sees_nothing_of_frames_that_fill_no_patch():
    """640 ms are 64 frames; patches of 16 frames every 10 take the first 56, the last of which is at 230 ms."""
    found = ab.field("passt_demo@block12@w640", task=None, clips=3, stretch_ms=10, methods=["occlusion"])
    curve = found.curves
    unseen = curve["start_ms"] >= 250  # a frame reaches 12.5 ms
    assert unseen.sum() == 9
    assert (curve.loc[unseen, "share"] == 0).all()
    assert (curve.loc[(curve["start_ms"] >= 200) & (curve["stop_ms"] <= 230), "share"] > 0).all()


def test_a_frame_of_crepe_is_its_field():
    try:
        found = ab.field("crepe_tiny", levels=["layer1.mean"], task=None, clips=2, stretch_ms=16)
    except FileNotFoundError:
        pytest.skip("the weights of CREPE are not here")
    assert list(found.numbers["nominal_start"]) == [-32.0, -32.0]
    assert list(found.numbers["outside"]) == [0.0, 0.0]
