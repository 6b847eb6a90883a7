import pytest

from downstream.tasks.conditions.condition import NO_CONDITIONS, Condition, Conditions
from results.scores import conditions as of_results


def test_text_forms():
    for text in (
        "+snr10",
        "+snr-5",
        "+reverb0.5+snr10",
        "+train+gain-20",
        "+band8000+snr2.5+gain0",
        "+gain0.000000001",
        "+band12345.67",
    ):
        assert str(Conditions.parse(text)) == text
    assert Conditions.parse("+snr10.0+gain-0") == Conditions((Condition("snr", 10), Condition("gain", 0)))
    assert str(Conditions.parse("+gain-0.0")) == "+gain0"
    assert Conditions.parse("") == NO_CONDITIONS
    assert not NO_CONDITIONS


def test_order_and_scope_are_part_of_conditions():
    assert Conditions.parse("+snr10+reverb0.5") != Conditions.parse("+reverb0.5+snr10")
    assert Conditions.parse("+train+snr10").everywhere
    assert not Conditions.parse("+snr10").everywhere


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("+noise10", "unknown condition 'noise10'"),
        ("+snr", "condition snr must have a number .* such as snr10, got 'snr'"),
        ("+snrloud", "unknown condition 'snrloud'"),
        ("+snr1e9", "condition snr must have a number .*, got 'snr1e9'"),
        ("+snrnan", "unknown condition 'snrnan'"),
        ("+reverb0", "condition reverb must be 0.05 to 10 .*, got 0"),
        ("+reverb120", "condition reverb must be 0.05 to 10 .*seconds.*, got 120"),
        ("+gain300", "condition gain must be -100 to 100 .*, got 300"),
        ("+band-8000", "condition band must be 50 to 100000 .*, got -8000"),
        ("+snr10+snr0", "must have condition snr once, got 2"),
        ("+train", "must have conditions behind train"),
        ("+snr10+train", "unknown condition 'train'"),
        ("+", "unknown condition ''"),
        ("+snr10+", "unknown condition ''"),
    ],
)
def test_bad_conditions_are_named(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        Conditions.parse(text)
    assert "\n" not in str(caught.value)


def test_results_read_what_tasks_are_called():
    """The packages do not import one another; both have the same kinds and the same form."""
    from downstream.tasks.conditions import condition

    assert set(of_results.KINDS) == set(condition.KINDS)
    assert (of_results.CONDITION_MARK, of_results.EVERYWHERE) == (condition.SEPARATOR, condition.EVERYWHERE)
    for text in ("+snr-5", "+reverb0.5+snr10", "+train+gain-20", "+band8000", "+gain0.000000001", "+band12345.67"):
        assert of_results.parts(f"esc50{text}") == ("esc50", str(Conditions.parse(text)))
    assert of_results.parts("a+b") == ("a+b", "")
    assert of_results.parts("my+task+snr10") == ("my+task", "+snr10")
    assert of_results.place("+train+reverb0.5+snr-2.5") == ("train+reverb0.5", "snr", -2.5)
