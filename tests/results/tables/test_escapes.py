"""Labels of users are shown, and neither end a cell nor steer a terminal, whatever the format."""

import numpy as np
import pandas as pd
import pytest

from results.tables import formats
from results.tables.escapes import markdown, markdown_table, printable, to_tex

NASTY = "a | <img src=x onerror=alert(1)>\x1b]0;title\x07\n\u202e\udce9"


def test_control_characters_are_shown_and_letters_kept():
    assert printable("tief\x1b[31m\n\x85\u2028\u202e\udce9") == r"tief\x1b[31m\n\x85\u2028\u202e\udce9"
    kept = "höher 🐕 大 👩‍🔬 a\u00a0b"
    assert printable(kept) == markdown(kept) == kept


def test_markdown_has_no_further_cells_and_no_tags():
    assert markdown("a|b <b>x</b> 1 < 2 <- c") == r"a\|b &lt;b>x&lt;/b> 1 < 2 <- c"
    table = markdown_table(pd.DataFrame({"a|b": ["c|d"], "n": [1.5]}, index=["e|f"]))
    assert [line.replace(r"\|", "").count("|") for line in table.splitlines()] == [4, 4, 4]


@pytest.mark.parametrize("turned", [False, True])
def test_every_format_survives_a_nasty_label(turned):
    texts = pd.DataFrame([["1.0", "2.0"]], index=pd.Index([NASTY], name="model"), columns=["t1", NASTY])
    places = pd.DataFrame(np.zeros((1, 2)))
    table = formats.Table(texts.T if turned else texts, places.T if turned else places, (NASTY,))
    lines = formats.to_markdown(table).splitlines()
    cells = {line.replace(r"\|", "").count("|") for line in lines if line.startswith("|")}
    assert len(cells) == 1
    assert "<img" not in formats.to_markdown(table) + formats.to_html(table)
    for write in (formats.to_text, formats.to_markdown, formats.to_html, formats.to_csv, formats.to_latex):
        found = write(table)
        assert not any(mark in found for mark in ("\x1b", "\x07", "\u202e", "\udce9"))
        found.encode()


@pytest.mark.parametrize("label", ["[1ex] a", "*x", "[", "a"])
def test_a_latex_row_does_not_begin_with_an_option_of_the_row_before(label):
    assert not to_tex(label).startswith(("[", "*"))
    assert to_tex(label).removeprefix("{}") == label
