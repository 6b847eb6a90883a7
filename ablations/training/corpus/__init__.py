"""A synthesized corpus to train on: labeled sounds from no recording.

A clip is planned (`plan.py`), rendered (`rendering.py`), and put into a room (`rooms.py`); `corpus.py` and `windows.py`
make batches of clips.
"""

from ablations.training.corpus.corpus import Corpus, render, render_kind, statistics
from ablations.training.corpus.windows import Windowed

__all__ = ["Corpus", "Windowed", "render", "render_kind", "statistics"]
