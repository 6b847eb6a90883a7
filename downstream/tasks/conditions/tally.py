"""Count what became of changed clips apart from what was asked for."""

import threading

from downstream.tasks.conditions.change import Notes


class Tally:
    """The notes of the clips of a split that threads have changed; a clip that is changed again counts once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._notes: dict[str, Notes] = {}

    def add(self, file: str, notes: Notes) -> None:
        """Keep the notes of a clip."""
        with self._lock:
            self._notes[file] = notes

    def lines(self) -> list[str]:
        """Say how many clips are silent, clipped or turned down, a sentence each; none where no clip is."""
        with self._lock:
            notes = list(self._notes.values())
        silent = sum(of.silent for of in notes)
        clipped = [of.clipped for of in notes if of.clipped]
        down = [of.turned_down_db for of in notes if of.turned_down_db]
        of_all = f"of {len(notes)} changed clips"
        lines = []
        if silent:
            lines.append(f"{silent} {of_all} are silent: no ratio of signal to noise is defined, they get no noise")
        if clipped:
            lines.append(
                f"{len(clipped)} {of_all} are clipped at full scale by their gain, {max(clipped)} samples at most"
            )
        if down:
            most = f"{max(down):.2g} dB at most"
            lines.append(f"{len(down)} {of_all} would leave full scale: each is turned down as a whole, by {most}")
        return lines
