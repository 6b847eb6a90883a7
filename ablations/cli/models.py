"""The commands `ablate models` and `ablate check`."""

from pathlib import Path

import click

from ablations.system.errors import one_line_errors
from ablations.terminal.names import MODEL
from ablations.terminal.options import DEVICE, PATH


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", type=MODEL)
@click.option("--json", "json_path", type=PATH, help="A JSON file to write.")
@click.option("--csv", "csv_path", type=PATH, help="A CSV file to write.")
@one_line_errors
def models(names: tuple[str, ...], json_path: Path | None, csv_path: Path | None) -> None:
    """List every model, and whether its weights are on this machine.

    The columns are time resolution, windows, levels, size and cost.

    With NAME (a model, an alias or a named spec) show that model in full.
    """
    from ablations.models.catalog import models_table
    from ablations.models.catalog_text import in_full, to_text
    from downstream.disk.files import write_atomically

    table = models_table(names)
    if csv_path:
        lists = ("levels", "token_levels", "weights", "notes")
        flat = table.assign(**{name: table[name].map(" ".join) for name in lists})
        write_atomically(csv_path, lambda file: file.write(flat.to_csv(index=False).encode()))
    if json_path:
        text = table.to_json(orient="records", indent=1, force_ascii=False)
        write_atomically(json_path, lambda file: file.write(f"{text}\n".encode()))
    click.echo("\n\n".join(map(in_full, table.itertuples())) if names else to_text(table))


@click.command()
@click.argument("model", type=MODEL)
@click.option("--weights", type=PATH, help="A weight file, for a spec that names no weights.")
@DEVICE
@click.option("--python", help="The interpreter of a HEAR module (hear:...)  [default: this one]")
@one_line_errors
def check(model: str, weights: Path | None, device: str | None, python: str | None) -> None:
    """Check MODEL against the rules of the HEAR API, on clips that are made for it.

    MODEL is a HEAR module (hear:mymodule), a checkpoint or a spec. It is loaded, and embeds clips twice, alone and in
    a batch, of three lengths, and silence. The table can be pasted as Markdown. The exit status is 1 if a rule is
    broken.
    """
    from ablations.models.check import OK, check_model
    from ablations.system.machine import choose_device
    from ablations.terminal.progress import terminal
    from results.tables.escapes import markdown_table, printable

    terminal()
    rules = check_model(model, weights=weights, device=choose_device(device), python=python)
    click.echo(markdown_table(rules, index=False))
    broken = int((rules["result"] != OK).sum())
    click.echo(f"\n{printable(model)}: {len(rules) - broken} of {len(rules)} rules hold")
    if broken:
        raise SystemExit(1)
