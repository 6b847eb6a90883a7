"""The benchmark of tables, in small."""

from ablations.table_speed import made_rows, measure, to_markdown
from results.rows.rows import COLUMNS
from results.tables.compose import FORMATS


def test_every_format_is_measured_and_results_import_no_torch():
    found = measure(models=3, folds=2, seeds=2)
    assert [row["step"] for row in found["rows"]] == ["scores", *FORMATS, "markdown with means"]
    assert all(row["seconds"] > 0 for row in found["rows"])
    assert found["results_import_torch"] is False
    assert "3 models x 19 tasks x 2 folds x 2 seeds, 228 rows; results import no torch." in to_markdown(found)


def test_rows_are_as_those_of_a_run():
    found = made_rows(2, 2, 1)
    assert set(found.columns) == set(COLUMNS)
    assert len(found) == 2 * 19 * 2
