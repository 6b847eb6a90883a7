"""Texts of users made harmless where they are shown: on a terminal, in Markdown, in LaTeX."""

import re
import unicodedata
from typing import Any

import pandas as pd

HIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes that are no UTF-8, breaks of lines and paragraphs
TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they change the order of what follows
TAG = re.compile(r"<(?=[A-Za-z/!?])")

_TEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{
            "†": r"\textdagger{}",
            "‡": r"\textdaggerdbl{}",
            "¶": r"\P{}",
            "§": r"\S{}",
            "≈": r"$\approx$",
            "±": r"$\pm$",
            "–": "--",
        },
        **{"<": r"\textless{}", ">": r"\textgreater{}"},
    }
)


def printable(text: object) -> str:
    """Write a text as one line that a terminal shows and does not obey: control characters become escapes."""
    return "".join(_escaped(mark) if _is_hidden(mark) else mark for mark in str(text))


def _is_hidden(mark: str) -> bool:
    return unicodedata.category(mark) in HIDDEN or mark in TURNING


def _escaped(mark: str) -> str:
    return mark.encode("unicode_escape").decode()


def markdown(text: object) -> str:
    """Escape a text for a cell of a Markdown table or a paragraph: no end of the cell, no HTML tag."""
    return TAG.sub("&lt;", printable(text)).replace("|", r"\|")


def markdown_table(frame: pd.DataFrame, **options: Any) -> str:
    """Write a frame by `DataFrame.to_markdown`, texts escaped.

    Args:
        options: of `DataFrame.to_markdown`.
    """
    safe = frame.map(_cell).rename(columns=_cell, index=_cell)
    return str(safe.to_markdown(**options))


def _cell(value: Any) -> Any:
    return markdown(value) if isinstance(value, str) else value


def to_tex(text: object) -> str:
    """Write out LaTeX's special characters; a text that looks like an option of the row before begins with braces."""
    escaped = printable(text).translate(_TEX)
    return "{}" + escaped if escaped.startswith(("[", "*")) else escaped
