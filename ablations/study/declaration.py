"""The declaration of a study in its run's folder, `study.yaml`: what `ablate run FOLDER` reads.

Packaged studies have none there, because their name says everything.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from ablations.study.study import FOLDERS, Study
from results.rows.files import write_text
from results.scores.records import read_record

NAME = "study.yaml"


def write_declaration(study: Study, folder: Path) -> None:
    """Write the declaration of a study into its run's folder, unless it is packaged or YAML can't hold it."""
    if study.content is None or study.name in packaged():
        return
    base = os.path.relpath(study.folder.absolute(), folder.absolute())
    content = {**study.content, "name": study.name, "figure": study.figure, "folder": base}
    try:
        plain = json.loads(json.dumps(content))  # tuples become lists
    except TypeError:  # a model that is an object of Python
        return
    write_text(folder / NAME, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def study_of(folder: Path, overrides: Sequence[str] = ()) -> Study:
    """The study that a run's folder is of; its name is the folder's.

    Args:
        folder: of a run.
        overrides: changes of the study, as in `Study.load`; a changed study has another name.

    Raises:
        FileNotFoundError, ValueError: the folder does not say which study it is of, or as `Study.load`.
    """
    path = folder / NAME
    if not path.is_file():
        record = read_record(folder)
        name = record.study if record else folder.resolve().name
        if name not in packaged():
            raise FileNotFoundError(
                f"{folder}: no {NAME}, and no packaged study is called {name!r}; name its YAML file"
            )
    study = Study.load(path if path.is_file() else name, overrides)
    return study if overrides else replace(study, name=folder.resolve().name)


def packaged() -> list[str]:
    """The names of packaged studies, those beyond the paper first."""
    return [path.stem for place in FOLDERS for path in sorted(place.glob("*.yaml"))]
