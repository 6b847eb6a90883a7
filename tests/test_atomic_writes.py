"""Files that people or other processes read are written beside their place and renamed: nobody sees half of one."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODES = {base + more for base in "wax" for more in ("", "b", "+", "b+")}
OPEN = {"file", "rows", "table"}
"""Names of what `to_csv` may be given: open files, and tables that become text."""
HELPERS = {"downstream/disk/files.py", "results/rows/files.py", "passt/fetch/files.py"}
ELSEWHERE = {
    "tests/campaigns/big_tasks.py": "in a folder that is renamed",
    "ablations/benchmarks/events.py": "in a temporary folder",
    "ablations/benchmarks/gpu/steps/device.py": "in a temporary folder",
    "ablations/benchmarks/gpu/steps/protocol.py": "in a temporary folder",
    "ablations/benchmarks/gpu/packages.py": "the version of the project, before it is imported",
    "ablations/kit/runner.py": "/dev/null",
    "ablations/system/device_memory.py": "/proc",
    "ablations/benchmarks/peers/panns_peer.py": "in a temporary folder",
    "ablations/tasks/examples/synthesizer.py": "in a temporary folder",
    "ablations/search/journal.py": "a journal, which is gone on with",
    "downstream/tasks/packaged.py": "in a folder that is renamed",
    "downstream/kit/write.py": "in a folder that is renamed",
    "downstream/store/extraction.py": "data of an extraction, which is continued",
    "downstream/store/journal.py": "the journal of an extraction, which is continued",
    "passt/training/data/files.py": "a list that grows",
    "results/figures/canvas/sheet.py": "where its caller writes to, a file beside its place",
    "passt/fetch/transfer.py": "what came so far of a file, which is gone on with",
}


def direct_writes(tree: ast.AST) -> list[int]:
    """The lines that write to a path that may be read meanwhile."""
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        first = node.args[0] if node.args else None
        opened = method == "open" or getattr(node.func, "id", "") == "open"
        constants = [a.value for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)]
        if (
            method in ("write_text", "write_bytes")
            or (method == "savefig" and getattr(first, "id", "") != "file")
            or (method == "to_csv" and isinstance(first, ast.Name | ast.BinOp) and getattr(first, "id", "") not in OPEN)
            or (opened and any(isinstance(mode, str) and mode in MODES for mode in constants))
        ):
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("package", ["passt", "downstream", "results", "ablations"])
def test_nothing_is_written_in_its_place(package):
    wrong = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        lines = direct_writes(ast.parse(path.read_text()))
        if lines and name not in HELPERS and name not in ELSEWHERE:
            wrong[name] = lines
    assert not wrong, "use write_atomically, write_json (downstream), replacing (results) or write_whole (passt)"


def test_the_check_sees_each_way():
    for text in ("p.write_text('x')", "open(p, 'w')", "p.open('wb')", "f.to_csv(path)", "figure.savefig(path)"):
        assert direct_writes(ast.parse(text)), text
    for text in ("open(p)", "p.open('rb')", "f.to_csv(index=False)", "figure.savefig(file)", "t.to_csv(file)"):
        assert not direct_writes(ast.parse(text)), text
