"""Texts of users made harmless where they are shown: on a terminal, in Markdown, in LaTeX."""

import re
import unicodedata

import pandas as pd

HIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes that are no UTF-8, breaks of lines and paragraphs
TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they change the order of what follows
TAG = re.compile(r"<(?=[A-Za-z/!?])")

_TEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{"†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "≈": r"$\approx$", "±": r"$\pm$", "–": "--"},
        **{"<": r"\textless{}", ">": r"\textgreater{}"},
    }
)


def printable(text: object) -> str:
    """A text as one line that a terminal shows and does not obey: control characters are written as escapes."""
    return "".join(_escaped(mark) if _is_hidden(mark) else mark for mark in str(text))


def _is_hidden(mark: str) -> bool:
    return unicodedata.category(mark) in HIDDEN or mark in TURNING


def _escaped(mark: str) -> str:
    return mark.encode("unicode_escape").decode()


def markdown(text: object) -> str:
    """A text in a cell of a Markdown table or in a paragraph: no end of the cell, no HTML tag."""
    return TAG.sub("&lt;", printable(text)).replace("|", r"\|")


def markdown_table(frame: pd.DataFrame, **options) -> str:
    """`DataFrame.to_markdown` of texts that are shown as they are.

    Args:
        options: of `DataFrame.to_markdown`.
    """
    safe = frame.map(_cell).rename(columns=_cell, index=_cell)
    return safe.to_markdown(**options)


def _cell(value):
    return markdown(value) if isinstance(value, str) else value


def to_tex(text: object) -> str:
    """A text with LaTeX's special characters written out; one that begins as an option of the row's end does not."""
    found = printable(text).translate(_TEX)
    return "{}" + found if found.startswith(("[", "*")) else found
