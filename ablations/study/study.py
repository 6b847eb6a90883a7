"""A study: one ablation as data, read from YAML.

The lists of values of a model are crossed. `levels` and `windows_ms` are lists themselves, so that several of them are
a list of lists: ``windows_ms: [[160], [640], [160, 640]]`` are three variants. A HEAR module stands in the place of a
checkpoint: ``{hear: hearbaseline.vggish, options: {a: b}, python: vggish/bin/python}``, where `options` and `python`
may be left out. Models stand beside that of an entry by the key `beside`: ``beside: crepe_full@t100``, where the other
keys are those of the first model.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ablations.inputs import yaml_file
from ablations.study.overrides import changed
from ablations.study.pairs import read_pairs, still_there
from ablations.study.variants import Model as Model
from ablations.study.variants import variants_of
from downstream.disk.fields import choice, flag, list_of, mapping, one_line, text, whole, wrong
from downstream.disk.files import expanded, fingerprint
from downstream.probes.protocol import MOST_CLIPS, Protocol
from downstream.solvers import has_weights
from passt.network.precision import PRECISIONS
from results.figures import FIGURES
from results.reference.published import published

logger = logging.getLogger(__name__)

FOLDERS = tuple(Path(__file__).parent / name for name in ("studies", "paper"))
"""The folders of packaged studies."""


@dataclass(frozen=True)
class Study:
    """Which models to compare, and on which tasks.

    Attributes:
        name: of the study, and of the folder of its runs.
        models: the variants.
        tasks: HEAR keys, packaged tasks, folders or globs (below the study's folder or the folder of tasks).
        seeds: all probes are trained once for each.
        protocol: how probes are trained, and on how many clips of a split.
        precision: fp32, tf32 or bf16, of the models that have several; the others have fp32.
        reference: published scores to show beside, by names of `results.reference.published.published`.
        figure: a name of `results.figures.FIGURES`.
        comparisons: pairs of models, by label, whose differences the study asks for.
        keep_probes: whether its chosen probes are kept beside its jobs, so that they can predict other sounds.
        folder: which relative task folders and weight files start at; by default where the study's file is.
        content: the mapping that it was made of; None for a study that was made in Python.
    """

    name: str
    models: tuple[Model, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    protocol: str = "hear2021"
    precision: str = "fp32"
    reference: tuple[str, ...] = ()
    figure: str = "bars"
    comparisons: tuple[tuple[str, str], ...] = ()
    keep_probes: bool = False
    folder: Path = Path()
    content: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, name: str | Path, overrides: Sequence[str] = ()) -> "Study":
        """Load a study.

        Args:
            name: of a packaged study, or the path of a YAML file.
            overrides: changes of its mapping, such as "models.0.windows_ms=[[320]]". A study that they change gets a
                name of its own, with a digest of its content, so that its run has another folder.

        Raises:
            FileNotFoundError, ValueError: names the file and the key, the value got and what was expected.
        """

        def parse(content: Any, base: Path) -> "Study":
            new = changed(content, overrides, KEYS) if isinstance(content, Mapping) else content
            if new == content:
                return cls.from_dict(content, base)
            try:
                study = cls._of_changed(new, content.get("comparisons"), base)
            except (ValueError, FileNotFoundError) as error:
                raise type(error)(f"with {' and '.join(overrides)}: {error}") from None
            return study if new["name"] != content.get("name") else replace(study, name=f"{study.name}-{study.digest}")

        return yaml_file.load(name, "study", FOLDERS, parse, "`ablate studies`")

    @classmethod
    def _of_changed(cls, content: dict[str, Any], pairs: Any, base: Path) -> "Study":
        """Make a study of a changed mapping; of `pairs`, those of before, it keeps the ones that still name models."""
        study = cls.from_dict({key: value for key, value in content.items() if key != "comparisons"}, base)
        kept = still_there(content.get("comparisons", []), pairs, [model.label for model in study.models])
        return cls.from_dict({**content, "comparisons": kept}, base) if kept else study

    @classmethod
    def from_dict(cls, content: Any, base: Path = Path()) -> "Study":
        """Make a study of parsed YAML.

        Args:
            content: a mapping of the study's keys.
            base: the folder that relative task folders and weight files start at.

        Raises:
            FileNotFoundError, ValueError: names the key, the value got and what was expected.
        """
        yaml_file.check_keys(content, KEYS, "a study")
        for key in ("name", "models", "tasks", "seeds"):
            if not content.get(key, key == "seeds"):
                raise ValueError(f"a study needs {key!r}")
        if not re.fullmatch(r"\w[\w.-]*", text(content["name"], "name")):
            raise wrong(content["name"], "name", "of letters, digits, '_', '-' and '.'")
        tasks, reference = (list_of(one_line, content.get(key, []), key) for key in ("tasks", "reference"))
        seeds = list_of(_seed, content.get("seeds", [0]), "seeds")
        if len(set(seeds)) < len(seeds):
            raise wrong(seeds, "seeds", "distinct")
        precision = choice(content.get("precision", "fp32"), "precision", PRECISIONS)
        figure = choice(content.get("figure", "bars"), "figure", FIGURES, "`ablate figure -h`")
        published(reference)
        entries = list_of(mapping, content["models"], "models")
        base = base / expanded(text(content.get("folder", "."), "folder"))
        protocol = _protocol(content.get("protocol", "hear2021"), content.get("limit"))
        variants = variants_of(entries, base)
        study = cls(
            name=content["name"],
            models=variants,
            tasks=_once("tasks", tasks),
            seeds=tuple(seeds),
            protocol=protocol,
            precision=precision,
            reference=_once("reference", reference),
            figure=figure,
            comparisons=read_pairs(content.get("comparisons", []), [model.label for model in variants]),
            folder=base,
            content=content,
        )
        return study.keeping_probes() if flag(content.get("keep_probes", False), "keep_probes") else study

    def keeping_probes(self) -> "Study":
        """The study with its probes kept; ValueError for a protocol whose probes have no weights."""
        if not has_weights(Protocol.parse(self.protocol).base):
            reason = "its probes are all training items"
            raise ValueError(f"keep_probes: not under protocol {self.protocol}, {reason}; expected hear2021 or ridge")
        return replace(self, keep_probes=True)

    @property
    def digest(self) -> str:
        """Eight hex digits of everything that decides its rows."""
        models = [
            [str(model.spec), model.label, *(str(part.python or "") for part in (model, *model.beside))]
            for model in self.models
        ]
        return fingerprint([models, self.tasks, self.seeds, self.protocol, self.precision])[:8]


KEYS = (*(key.name for key in fields(Study) if key.name != "content"), "limit")
"""The keys of a study in YAML; `limit` becomes an option of its protocol."""


def _protocol(value: Any, limit: Any) -> str:
    """The text form of a study's protocol, with its limit."""
    protocol = Protocol.parse(text(value, "protocol"))
    if limit is None:
        return str(protocol)
    clips = whole(limit, "limit", 1, MOST_CLIPS)
    if protocol.limit not in (None, clips):
        raise ValueError(f"limit is given twice: {clips}, and in protocol {value!r}")
    return str(replace(protocol, limit=clips))


def _seed(value: Any, where: str) -> int:
    return whole(value, where, 0, 2**32 - 1)


def _once(key: str, names: Sequence[str]) -> tuple[str, ...]:
    """Remove repeated names, which change nothing, and log them."""
    for name in dict.fromkeys(name for name in names if list(names).count(name) > 1):
        logger.warning("%s: %r is given more than once, and used once", key, name)
    return tuple(dict.fromkeys(names))
