"""Where a search's trials are kept: a journal in its folder, or whatever storage a URL names for Optuna."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from ablations.search.declared import DECIDING, Search
from ablations.search.journal import VARIANT, Journal
from ablations.search.secret import shown, without_secrets
from ablations.search.workers import has_died

JOURNAL = "journal.log"
DECLARED = "declared"  # attribute of the search: fingerprints of what it was declared with
AGAIN = "again"  # of a trial: the number of the one whose process died
REPEAT = "repeat"  # of a trial that came up again and was not run
REASON = "reason"  # of a trial that failed


def open_study(search: Search, folder: Path, url: str | None) -> optuna.Study:
    """The trials of a search, those of earlier runs included.

    Args:
        folder: of its run, where its journal is. url: another storage, as Optuna knows them.

    Raises:
        ValueError: for a storage that can't be used, or one that holds another search of that name.
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
    there = study.user_attrs.get(DECLARED)
    if there is None:
        study.set_user_attr(DECLARED, dict(search.declared))
    elif changed := [key for key in DECIDING if there.get(key) != search.declared[key]]:
        what = f"holds trials of a search {search.name!r} whose {changed[0]} was another"
        raise ValueError(f"{shown(url or str(folder))}: {what}; name this one anew")
    return study


@contextmanager
def one_line_errors(folder: Path, url: str | None) -> Iterator[None]:
    """Errors of a storage that is lost while a search runs, as ValueError without the password of its URL."""
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
    """The trials that count: ended, failed with a reason, or at work; not repeats, nor those whose process died."""
    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    trials = study.get_trials(deepcopy=False)
    return [t for t in trials if VARIANT in t.user_attrs and (t.state in ended or REASON in t.user_attrs)]


def drawn(study: optuna.Study) -> int:
    """How many variants the sampler was asked for."""
    return sum(VARIANT in t.user_attrs and AGAIN not in t.user_attrs for t in study.get_trials(deepcopy=False))


def take_up_again(study: optuna.Study, folder: Path, own: str) -> None:
    """Trials whose process died come again, before any other.

    Args:
        folder: where its workers have their locks, of a storage that others share. own: what this process is called.
    """
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        worker = trial.user_attrs.get(VARIANT, {}).get("worker", "")
        if worker and worker != own and has_died(folder, worker):
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})
