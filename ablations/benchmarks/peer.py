"""Originals that are measured beside ours, each by an interpreter that has it and a script in `peers/`."""

import json
from pathlib import Path
from typing import Any

import torch

from ablations.models.hear_modules.process import interpreter
from ablations.system import child

SCRIPTS = Path(__file__).parent / "peers"


def ask(script: str, python: str | Path, package: str, **request: Any) -> Any:
    """Run a script by another interpreter and return its answer.

    Args:
        script: name of a file in `peers/`.
        python: path of the interpreter, or its name on $PATH.
        package: what the interpreter must have, for the error message.
        request: what the script gets as JSON, besides the number of threads.

    Raises:
        FileNotFoundError: if there is no such interpreter.
        ValueError: if it fails, in one line.
    """
    request["threads"] = torch.get_num_threads()
    command = [str(interpreter(python)), str(SCRIPTS / script), json.dumps(request)]
    return child.ask(command, child.PEER_S, f"{python}: {package} can't be timed with it")
