"""Machines, signals and sweeps."""

from collections.abc import Callable

import torch
from torch import Tensor

from ablations.training.corpus.kinds.kind import Kind, Pattern, family
from ablations.training.corpus.kinds.tones import PARTIALS
from ablations.training.corpus.synthesis.control import held
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.sounds import Filtered, Modal, Oscillator, Sound

KEYS = torch.tensor([[697.0, 770, 852, 941], [1209, 1336, 1477, 1633]])  # Hz, of a telephone's keypad (ITU-T Q.23)


def _held(d: Draws, attack: float = 0.02) -> Tensor:
    return held(d.time, d.seconds, attack, 0.02)


def _motor(
    d: Draws,
    frequency: Tensor,
    body: tuple[float, ...],
    noise: Tensor,
    tilt: float = -2.0,
    level: Tensor | None = None,
) -> Filtered:
    """Make pulses and noise, filtered by four resonances of a body in Hz."""
    center = torch.tensor([body]) * d.many("body", 4, 0.75, 1.3)
    return Filtered(
        envelope=_held(d, 0.1) if level is None else level * _held(d, 0.1),
        tilt=torch.full((1, 1), tilt),
        noise=noise,
        frequency=frequency,
        pulse=torch.ones(1, 1),
        sharpness=torch.full((1, 1), 1e5),
        center=center[:, None],
        width=(center * 0.7)[:, None],
        gain=d.many("gains", 4, 0.3, 1.0)[:, None],
    )


def engine(d: Draws) -> Filtered:
    frequency = d.log("frequency", 18, 50) * (1 + 0.03 * d.wander("speed", d.time, 1.0))
    return _motor(d, frequency, (90, 250, 600, 1500), d.uniform("noise", 0.1, 0.3), -4.0)


def revving(d: Draws) -> Filtered:
    throttle = (0.5 + 0.5 * d.wander("throttle", d.time, 0.6)).square()
    frequency = d.log("frequency", 25, 45) * (1 + d.uniform("reach", 2.0, 5.0) * throttle)
    return _motor(d, frequency, (120, 350, 900, 2200), d.uniform("noise", 0.1, 0.3), level=0.4 + throttle)


def saw(d: Draws) -> Filtered:
    frequency = d.log("frequency", 80, 170) * (1 + 0.15 * d.wander("load", d.time, 1.5))
    return _motor(d, frequency, (500, 1400, 2800, 5000), d.uniform("noise", 0.3, 0.6), 0.0)


def drill(d: Draws) -> Filtered:
    start = 1 - torch.exp(-d.time / d.log("start", 0.05, 0.4))
    frequency = d.log("frequency", 220, 520) * (0.3 + 0.7 * start)
    return _motor(d, frequency, (900, 2400, 4200, 7500), d.uniform("noise", 0.1, 0.4), 1.0)


def rotor(d: Draws) -> Filtered:
    """Make noise that is chopped by blades."""
    blades = torch.cos(torch.pi * d.log("rate", 8, 20) * d.time + d.uniform("phase")).square() ** 4
    level = 0.12 + blades * (1 + 0.2 * d.wander("level", d.time, 1.0))
    return _motor(d, d.log("frequency", 60, 110), (110, 260, 500, 1200), torch.full((1, 1), 1.5), -3.0, level)


def fan(d: Draws) -> Filtered:
    return _motor(d, d.log("frequency", 90, 260), (180, 420, 1000, 2600), d.uniform("noise", 2.0, 5.0), -2.0)


def hum(d: Draws) -> Modal:
    mains = torch.tensor([50.0, 60.0])[d.pick("mains", 2)][:, None] * d.uniform("tuning", 0.995, 1.005)
    odd = 1 + 2 * (PARTIALS % 2 == 0)
    amplitude = odd * PARTIALS ** -d.uniform("slope", 0.8, 2.0)
    return Modal(mains * PARTIALS, amplitude, torch.zeros(1, 32), _held(d, 0.1))


def wail(low: float, high: float) -> Callable[[Draws], Oscillator]:
    """Make tones that rise and fall, `low` to `high` times a second.

    The highest frequency is about twice the lowest.
    """

    def make(d: Draws) -> Oscillator:
        turn = d.log("rate", low, high) * d.time + d.uniform("phase")
        frequency = d.log("frequency", 400, 700) * d.uniform("reach", 1.8, 2.8) ** (
            0.5 - 0.5 * torch.cos(torch.pi * 2 * turn)
        )
        return Oscillator(frequency, _held(d), modulator=frequency, index=d.uniform("index", 0.3, 1.5))

    return make


def two_tone(d: Draws) -> Oscillator:
    high = torch.sin(2 * torch.pi * d.log("rate", 0.5, 1.5) * d.time) >= 0
    frequency = d.log("frequency", 380, 800) * torch.where(high, d.uniform("ratio", 1.2, 1.45), torch.ones(1, 1))
    return Oscillator(frequency, _held(d), modulator=frequency, index=d.uniform("index", 0.3, 1.5))


def beep(d: Draws) -> Modal:
    amplitude = torch.cat([torch.ones(1, 1), torch.zeros(1, 1), torch.full((1, 1), 0.2)], dim=1)
    frequency = d.log("frequency", 800, 3500) * PARTIALS[:, :3]
    return Modal(frequency, amplitude, torch.zeros(1, 3), _held(d, 0.005))


def ring(d: Draws) -> Modal:
    """Make two small bells with a fast clapper."""
    frequency = d.log("frequency", 700, 1500) * torch.tensor([[1.0, 1.26, 2.76, 3.4]])
    clapper = 0.3 + torch.cos(torch.pi * d.log("clapper", 15, 28) * d.time).abs()
    return Modal(frequency, d.many("gains", 4, 0.3, 1.0), torch.zeros(1, 4), clapper * _held(d))


def keypad(d: Draws) -> Modal:
    rows, columns = (KEYS[i][d.pick(name, 4, per_sound=True)] for i, name in enumerate(("row", "column")))
    return Modal(torch.stack([rows, columns], dim=1), torch.ones(1, 2), torch.zeros(1, 2), _held(d, 0.004))


def horn(d: Draws) -> Modal:
    """Make two rich tones, a third apart."""
    second = d.log("frequency", 280, 480) * torch.tensor([[1.0, 1.25]])
    frequency = (second[..., None] * PARTIALS[:, :16]).flatten(1)
    amplitude = (PARTIALS[:, :16] ** -d.uniform("slope", 0.4, 1.0))[:, None].expand(-1, 2, -1).flatten(1)
    return Modal(frequency, amplitude, torch.zeros(1, 32), _held(d))


def whistle(d: Draws) -> Oscillator:
    trill = torch.sin(2 * torch.pi * d.log("trill", 18, 40) * d.time)
    frequency = d.log("frequency", 2000, 3600) * (1 + d.uniform("depth", 0.02, 0.06) * trill)
    return Oscillator(frequency, _held(d) * (0.7 + 0.3 * trill))


def buzzer(d: Draws) -> Filtered:
    return _motor(d, d.log("frequency", 90, 200), (400, 900, 1800, 3500), torch.full((1, 1), 0.02), 0.0)


def zap(d: Draws) -> Oscillator:
    frequency = 150 + d.log("start", 2000, 7000) * torch.exp(-d.time / (d.seconds / d.uniform("speed", 3, 6)))
    return Oscillator(frequency, _held(d, 0.003), modulator=frequency, index=d.uniform("index", 0.0, 1.0))


def glide(up: bool) -> Callable[[Draws], Oscillator]:
    """Make glides over one to four octaves, up or down, at a steady number of octaves a second."""

    def make(d: Draws) -> Oscillator:
        share = (d.time / d.seconds).clamp(0, 1)
        octaves = d.uniform("octaves", 1.0, 4.0)
        frequency = d.log("frequency", 120, 600) * 2.0 ** (octaves * (share if up else 1 - share))
        return Oscillator(frequency, _held(d, 0.01), modulator=frequency, index=d.uniform("index", 0.0, 1.5))

    return make


def wobble(d: Draws) -> Oscillator:
    turn = torch.sin(2 * torch.pi * d.log("rate", 1.0, 9.0) * d.time)
    frequency = d.log("frequency", 200, 1200) * 2.0 ** (d.uniform("depth", 0.15, 0.8) * turn)
    return Oscillator(frequency, _held(d), modulator=frequency, index=d.uniform("index", 0.0, 1.5))


def _machine(make: Callable[[Draws], Sound], sustained: bool = False) -> Kind:
    return Kind((), make, (1.5, 10.0), texture=True, sustained=sustained)


_AGAIN = Pattern((0.15, 0.8), (2, 8), chance=0.5)

KINDS = (
    *family(
        "machine",
        engine=_machine(engine),
        revving=_machine(revving),
        saw=_machine(saw),
        drill=_machine(drill),
        rotor=_machine(rotor),
        fan=_machine(fan, sustained=True),
        hum=_machine(hum, sustained=True),
    ),
    *family(
        "signal",
        siren=Kind((), wail(0.15, 0.6), (2.0, 8.0)),
        yelp=Kind((), wail(2.0, 5.0), (1.0, 6.0)),
        two_tone=Kind((), two_tone, (1.5, 6.0)),
        beeps=Kind((), beep, (0.05, 0.3), Pattern((0.2, 1.0), (3, 12), jitter=0.0)),
        ring=Kind((), ring, (0.5, 1.8), Pattern((1.2, 3.0), (2, 3), chance=0.5, jitter=0.0)),
        keypad=Kind((), keypad, (0.07, 0.2), Pattern((0.15, 0.4), (3, 10), variants=0)),
        horn=Kind((), horn, (0.2, 1.5), Pattern((0.5, 1.6), (2, 4), chance=0.5, jitter=0.1)),
        whistle=Kind((), whistle, (0.2, 1.5), Pattern((0.3, 1.2), (2, 4), chance=0.4, jitter=0.1)),
        buzzer=Kind((), buzzer, (0.2, 2.0), Pattern((0.4, 1.2), (2, 4), chance=0.3)),
        zap=Kind((), zap, (0.08, 0.4), _AGAIN),
    ),
    Kind(("sweep", "sweep: up", "sweep: fast", "sweep: fast up"), glide(True), (0.1, 0.5), _AGAIN),
    Kind(("sweep", "sweep: down", "sweep: fast", "sweep: fast down"), glide(False), (0.1, 0.5), _AGAIN),
    Kind(("sweep", "sweep: up", "sweep: slow", "sweep: slow up"), glide(True), (1.5, 6.0)),
    Kind(("sweep", "sweep: down", "sweep: slow", "sweep: slow down"), glide(False), (1.5, 6.0)),
    Kind(("sweep", "sweep: wobble"), wobble, (1.0, 5.0)),
)
