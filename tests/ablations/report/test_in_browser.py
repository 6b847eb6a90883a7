"""The page in a real browser: it fits two widths, asks for nothing, and what is clickable works."""

import sys

import pytest

from ablations.report.page import write_page
from results.scores.records import RecordedModel, RunRecord
from tests.ablations.report.test_page import write_run
from tests.browser import Tab, chromium, needs_chromium
from tests.results.scores.test_beside import measured

pytestmark = [needs_chromium, pytest.mark.filterwarnings("ignore:constrained_layout not applied")]

EVIL = "</script><script>window.evil = 1</script><img src=x onerror='window.evil = 1'> & a very_long_name_" + "x" * 20
MODELS = (EVIL, *(f"model {number} of several words" for number in range(14)))
TASKS = (("esc50", "top1_acc"), ("</script><b>mine", "mAP"))
WIDTHS = (1200, 400)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    pytest.importorskip("altair", reason="altair is not installed (extra report)")
    ours = measured(
        *(
            (model, task, metric, (0.05 * place, 0.05 * place + 0.02))
            for place, model in enumerate(MODELS)
            for task, metric in TASKS
        )
    ).assign(lr=1e-3)
    ours["job"] = ours["model"] + ours["task"]
    record = RunRecord(
        "a study whose name is long enough to be wider than a telephone is",
        models=tuple(RecordedModel(model, "m", model, "published") for model in MODELS),
        tasks=tuple(task for task, _ in TASKS),
        comparisons=((MODELS[0], MODELS[1]),),
        finished=True,
    )
    folder = write_run(tmp_path_factory.mktemp("runs") / "mine", ours, record)
    return write_page(folder, folder / "report.html")


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as tab:
        yield tab


def opened(tab: Tab, page, width: int) -> Tab:
    tab.open(page, width)
    tab.until("document.querySelectorAll('.vega svg').length === document.querySelectorAll('.chart').length")
    return tab


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_asks_for_nothing(tab, page, width):
    opened(tab, page, width)
    assert tab.value("document.querySelectorAll('.chart').length") == 1
    assert tab.value("document.documentElement.scrollWidth") == width
    too_wide = "[...document.querySelectorAll('p, h1, h3, h4, svg, input, select')].filter(part => "
    too_wide += f"part.getBoundingClientRect().right > {width} && !part.closest('.scroll')).length"
    assert tab.value(too_wide) == 0
    assert tab.value("window.evil") is None, "names are texts"
    assert tab.messages == []
    assert tab.requests == []


def test_a_click_sorts_and_another_reverses(tab, page):
    opened(tab, page, WIDTHS[0])
    scores = "[...document.querySelectorAll('table')[0].tBodies[0].rows].map(row => parseFloat(row.cells[1].innerText))"
    click = "document.querySelectorAll('table')[0].querySelectorAll('thead button')[1].click()"
    tab.value(click)
    falling = tab.value(scores)
    assert falling == sorted(falling, reverse=True)
    tab.value(click)
    assert tab.value(scores) == falling[::-1]


def test_words_filter_the_rows_of_a_long_table(tab, page):
    opened(tab, page, WIDTHS[1])
    tab.value(
        "(() => { const field = document.querySelector('.filter input'); field.value = 'SEVERAL 3';"
        " field.dispatchEvent(new Event('input')); })()"
    )
    visible = "[...document.querySelectorAll('table')[0].tBodies[0].rows].filter(row => row.offsetParent).length"
    count = tab.value("document.querySelector('.filter output').textContent")
    assert count == f"{tab.value(visible)} of 15 rows"
    assert 0 < tab.value(visible) < 15


def test_a_chart_has_a_menu_a_filter_and_hover(tab, page):
    opened(tab, page, WIDTHS[1])
    points = "document.querySelectorAll('.vega .mark-symbol.layer_1_marks path').length"
    assert tab.value(points) == 15
    tab.value(
        "(() => { const field = document.querySelector('.vega input'); field.value = 'MODEL 3';"
        " field.dispatchEvent(new Event('input')); })()"
    )
    tab.until(f"{points} === 1")
    tab.value(
        "(() => { const menu = document.querySelector('.vega select'); menu.selectedIndex = 1;"
        " menu.dispatchEvent(new Event('change')); })()"
    )
    box = tab.value(
        "(() => { const point = document.querySelector('.vega .mark-symbol.layer_1_marks path');"
        " point.scrollIntoView({block: 'center'}); const box = point.getBoundingClientRect();"
        " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    tab.until("document.querySelector('#vg-tooltip-element.visible') !== null")
    text = tab.value("document.querySelector('#vg-tooltip-element').innerText")
    assert "model 3 of several words" in text
    assert "</script><b>mine (mAP)" in text
    assert "0.210" in text
    assert tab.messages == []


def test_without_altair_the_page_says_how_to_get_charts(tab, page, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    write_page(page.parent, page.with_name("plain.html"))
    opened(tab, page.with_name("plain.html"), WIDTHS[1])
    assert tab.value("document.querySelectorAll('.chart, .vega').length") == 0
    assert "pip install 'embedding-ablations[report]'" in tab.value("document.body.innerText")
    assert tab.value("document.querySelectorAll('.filter').length") > 0, "tables filter without it"
    assert tab.messages == []
