"""Labels of notes: pitch class, register, and the note itself."""

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
REGISTERS = {"bass": 48, "low": 60, "middle": 72, "high": 84, "top": 200}
"""Register -> the MIDI note above its highest."""
NOTES = range(40, 85)
"""MIDI notes that have a label. Notes beyond are rare."""

LABELS = (
    *(f"pitch class {name}" for name in PITCH_CLASSES),
    *(f"register: {name}" for name in REGISTERS),
    *(f"note {note}" for note in NOTES),
)


def note_labels(note: int) -> tuple[str, ...]:
    """List the labels of a MIDI note."""
    register = next(name for name, end in REGISTERS.items() if note < end)
    named = (f"note {note}",) if note in NOTES else ()
    return (f"pitch class {PITCH_CLASSES[note % 12]}", f"register: {register}", *named)
