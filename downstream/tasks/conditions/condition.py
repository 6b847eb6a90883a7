"""The text form of conditions, which stands behind a task's name: ``digits+reverb0.5+snr10``.

A condition is a kind and a number. Conditions are applied in their order. They change the clips that are tested;
``+train`` before them changes the clips of all splits, those that probes are trained and chosen on, too.
"""

import re
from dataclasses import dataclass

from downstream.disk.choices import choices

SEPARATOR = "+"
EVERYWHERE = "train"
"""The word before conditions that are of all splits."""
DECIMALS = 9
"""The most decimals of a number."""


@dataclass(frozen=True)
class Kind:
    """A kind of condition.

    Attributes:
        meaning: what it does to a clip, with the unit of its number.
        lowest, highest: the numbers that it takes.
        example: one of them, as text.
    """

    meaning: str
    lowest: float
    highest: float
    example: str


KINDS = {
    "snr": Kind("pink noise, so many dB below the clip's active power", -40, 100, "10"),
    "reverb": Kind("a room whose sound decays by 60 dB in so many seconds", 0.05, 10, "0.5"),
    "gain": Kind("a level changed by so many dB", -100, 100, "-20"),
    "band": Kind("nothing above so many Hz", 50, 100_000, "8000"),
}
"""Every kind of condition, by its name."""


@dataclass(frozen=True)
class Condition:
    """One change of a clip's sound."""

    kind: str
    value: float

    def __str__(self) -> str:
        number = f"{self.value:.{DECIMALS}f}".rstrip("0").rstrip(".")
        return f"{self.kind}{number}"

    @classmethod
    def parse(cls, text: str) -> "Condition":
        """Read a condition such as "snr10".

        Raises:
            ValueError: an unknown kind, no number, or a number out of range; says what was expected.
        """
        name = match[0] if (match := re.match(r"[A-Za-z_]*", text)) else ""
        number = text[len(name) :]
        if name not in KINDS:
            known = [f"{kind}{of.example}" for kind, of in KINDS.items()]
            raise ValueError(f"unknown condition {text!r}{choices(text, known)}, with other numbers")
        kind = KINDS[name]
        if not re.fullmatch(rf"-?\d{{1,9}}(\.\d{{1,{DECIMALS}}})?", number):
            raise ValueError(
                f"condition {name} must have a number ({kind.meaning}), such as {name}{kind.example}, got {text!r}"
            )
        value = float(number) + 0.0  # no -0
        if not kind.lowest <= value <= kind.highest:
            raise ValueError(
                f"condition {name} must be {kind.lowest:g} to {kind.highest:g} ({kind.meaning}), got {number}"
            )
        return cls(name, value)


@dataclass(frozen=True)
class Conditions:
    """The conditions of a task, in the order in which they are applied.

    Attributes:
        chain: each kind at most once.
        everywhere: whether the clips of all splits are changed, not those that are tested alone.
    """

    chain: tuple[Condition, ...] = ()
    everywhere: bool = False

    def __bool__(self) -> bool:
        return bool(self.chain)

    def __str__(self) -> str:
        """What stands behind the task's name; "" for none."""
        words = [EVERYWHERE] * self.everywhere + list(map(str, self.chain))
        return "".join(f"{SEPARATOR}{word}" for word in words)

    @classmethod
    def parse(cls, text: str) -> "Conditions":
        """Read conditions such as "+reverb0.5+snr10" or "+train+snr10"; "" is none.

        Raises:
            ValueError: names the condition that is unknown, out of range or given twice.
        """
        if not text:
            return cls()
        words = text.removeprefix(SEPARATOR).split(SEPARATOR)
        everywhere = words[0] == EVERYWHERE
        chain = tuple(map(Condition.parse, words[everywhere:]))
        if not chain:
            raise ValueError(
                f"{text!r} must have conditions behind {EVERYWHERE}, such as {SEPARATOR}{EVERYWHERE}+snr10"
            )
        kinds = [condition.kind for condition in chain]
        if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
            raise ValueError(f"{text!r} must have condition {twice} once, got {kinds.count(twice)}")
        return cls(chain, everywhere)


NO_CONDITIONS = Conditions()
