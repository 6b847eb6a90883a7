"""The storage of a search's trials: a journal, or what a URL names for Optuna."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from ablations.search.declared import DECIDING, Search
from ablations.search.journal import VARIANT, Journal
from ablations.search.secret import shown, without_secrets
from ablations.search.space import Variant
from ablations.search.workers import has_died

JOURNAL = "journal.log"
DECLARED = "declared"  # attribute of the search: fingerprints of its declaration
AGAIN = "again"  # attribute of a trial: the number of the trial that it repeats, because that one's process died
REPEAT = "repeat"  # attribute of a trial that was not run, because another one has its variant
REASON = "reason"  # attribute of a trial that failed


@dataclass(frozen=True)
class Content:
    """What a trial runs, as its attribute `variant` holds it.

    Attributes:
        key: of the variant.
        label: the variant's name in tables.
        spec: the model's spec.
        protocol: the protocol of its probes.
        worker: name of the process that runs it; "" if it has none.
    """

    key: str
    label: str
    spec: str
    protocol: str
    worker: str = ""

    @classmethod
    def of(cls, trial: FrozenTrial) -> "Content":
        """Read it from a trial."""
        values = trial.user_attrs[VARIANT]
        return cls(
            key=values["key"],
            label=values["label"],
            spec=values["spec"],
            protocol=values["protocol"],
            worker=values.get("worker", ""),
        )

    @classmethod
    def of_variant(cls, variant: Variant, worker: str) -> "Content":
        """Describe a variant that a worker runs."""
        return cls(variant.key, variant.model.label, str(variant.model.spec), variant.protocol, worker)

    def note(self, trial: Trial) -> None:
        """Write it to a trial."""
        trial.set_user_attr(VARIANT, asdict(self))


def open_study(search: Search, folder: Path, url: str | None) -> optuna.Study:
    """Open the trials of a search, including those of earlier runs.

    Args:
        search: the search.
        folder: the folder of its run, where its journal is.
        url: another storage, as Optuna names them; None for the journal.

    Raises:
        ValueError: the storage can't be used, or holds another search of that name.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    directions = ["maximize", "minimize"][: len(search.objectives)]
    try:
        storage = _journal(folder) if url is None else url
        study = optuna.create_study(storage=storage, study_name=search.name, directions=directions, load_if_exists=True)
    except (SQLAlchemyError, StorageInternalError, ImportError, ValueError, OSError) as error:
        place = url or str(folder / JOURNAL)
        reason = without_secrets(str(error).removeprefix(f"{place}: ").splitlines()[0], place)
        raise ValueError(f"storage {shown(place)} can't be used: {reason}") from None
    except (LookupError, TypeError, AttributeError, AssertionError, ArithmeticError):  # Optuna checks nothing it reads
        place = shown(url or str(folder / JOURNAL))
        raise ValueError(f"storage {place} can't be used: it is not the journal of a search; move it away") from None
    declared = study.user_attrs.get(DECLARED)
    if declared is None:
        study.set_user_attr(DECLARED, dict(search.declared))
    elif changed := [key for key in DECIDING if declared.get(key) != search.declared[key]]:
        reason = f"holds trials of a search {search.name!r} whose {changed[0]} was another"
        raise ValueError(f"{shown(url or str(folder))}: {reason}; name this one anew")
    return study


@contextmanager
def one_line_errors(folder: Path, url: str | None) -> Iterator[None]:
    """Turn errors of a storage that is lost during the search into ValueError.

    The message leaves out the password of its URL.
    """
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        place = url or str(folder / JOURNAL)
        reason = without_secrets(str(error.__cause__ or error).splitlines()[0], place)
        raise ValueError(f"storage {shown(place)} was lost: {reason}; the same command goes on") from None


def _journal(folder: Path) -> JournalStorage:
    folder.mkdir(parents=True, exist_ok=True)
    return JournalStorage(Journal(folder / JOURNAL))


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that count: ended, failed with a reason, or running.

    Repeats do not count, nor trials whose process died.
    """
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if VARIANT in trial.user_attrs and (trial.state in ended or REASON in trial.user_attrs)
    ]


def drawn(study: optuna.Study) -> int:
    """How many variants the sampler was asked for."""
    trials = study.get_trials(deepcopy=False)
    return sum(VARIANT in trial.user_attrs and AGAIN not in trial.user_attrs for trial in trials)


def take_up_again(study: optuna.Study, folder: Path, worker: str) -> None:
    """Queue the trials whose process died, before any other.

    Args:
        study: the trials.
        folder: where the workers of this folder have their locks; others may share the storage.
        worker: name of this process.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        other = Content.of(trial).worker if VARIANT in trial.user_attrs else ""
        if other and other != worker and has_died(folder, other):
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})
