"""A study under several protocols: one run each, from one store; and the files of what they say together."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ablations.study.study import Study
from downstream.probes.protocol import Protocol
from results import figures
from results.figures.protocols.rank_lines import rank_lines
from results.figures.protocols.tau_map import tau_map
from results.protocols.across import Protocols
from results.protocols.ranks import OVERALL
from results.rows.files import write_text

FOLDER = "{study}.protocols"
"""The folder of a study's runs under several protocols; each protocol has a folder in it."""
DEFAULT = ("knn", "ridge", "logistic", "hear2021+grid3+linear+standardized", "hear2021+grid3")
"""From the cheapest: neighbors, linear probes, HEAR's probe with three configurations."""


def protocol_studies(study: Study, protocols: Sequence[str] = DEFAULT, draws: int = 3) -> list[Study]:
    """Make a study for each protocol.

    Args:
        study: whose models, tasks and comparisons are taken.
        draws: of protocols that draw training clips, seeds 0 to draws - 1; the others have the study's seeds.

    Raises:
        ValueError: for fewer than two protocols, or no draw.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    parsed = list(dict.fromkeys(map(Protocol.parse, protocols)))
    if len(parsed) < 2:
        raise ValueError(f"expected two protocols or more, got {' and '.join(map(str, parsed)) or 'none'}")
    return [under_protocol(study, one, tuple(range(draws)) if one.draws else study.seeds) for one in parsed]


def under_protocol(study: Study, protocol: Protocol, seeds: tuple[int, ...]) -> Study:
    """The study under another protocol; its name is that of the protocol."""
    name = str(protocol).replace("+", "-")
    content = study.content
    if content is not None:
        content = {key: value for key, value in content.items() if key != "limit"}  # it is part of the protocol
        content |= {"name": name, "protocol": str(protocol), "seeds": list(seeds)}
    return replace(study, name=name, protocol=str(protocol), seeds=seeds, content=content)


def write(made: Protocols, folder: Path) -> list[Path]:
    """Write tables, their text as Markdown, and the figures that can be drawn; return the paths.

    Places are drawn over all tasks, or on each task where no task is that of every protocol.
    """
    paths = made.write(folder)
    write_text(folder / "protocols.md", f"# The same models under {len(made.names)} protocols\n\n{made}\n")
    paths.append(folder / "protocols.md")
    tasks = list(made.ranks["task"].unique())
    for task in [OVERALL] if OVERALL in tasks else tasks:
        name = "ranks" if task == OVERALL else f"ranks-{task}"
        if made.ranks.loc[made.ranks["task"] == task, list(made.names)].notna().any().sum() > 1:
            paths.append(figures.save(rank_lines(made.ranks, task), folder / f"{name}.png"))
    if made.agreement["tau"].notna().any():
        paths.append(figures.save(tau_map(made.agreement), folder / "agreement.png"))
    return paths
