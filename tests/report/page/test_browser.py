"""A report in a real browser: no request, no error, controls that work, nothing inaccessible.

Debian's chromium shows it, driven by Playwright; where either is missing the tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from analysis import made

from greenbench.report.page.contents import page
from greenbench.report.report_data import read_report_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

ATTACK = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>"
FACTORS = {
    "data": (0.5, 1, 1, 1),
    "training": (1, 1, 0.6, 1),
    "inference": (1, 1, 0.9, 0.5),
}
LOOKS = ((1280, "light"), (390, "dark"))
"""Windows and colours: what is too wide hangs on the one, contrast on the other."""
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report of all combinations of three stages, one variant of them hostile."""
    means: dict[str, Any] = {}
    for number in range(8):
        on = [name for place, name in enumerate(FACTORS) if number >> place & 1]
        joules = list(made.BASE)
        for name in on:
            joules = [j * f for j, f in zip(joules, FACTORS[name], strict=True)]
        means[f"V{number}_{'_'.join(on) or 'baseline'}"] = (on, joules)
    right = {name: 92 - 12 * ("inference" in name) for name in means}
    cells = made.session(means, noise=0.01, right=right)
    for cell in cells:
        cell["quality"] = cell["rounds"][0]["quality"]
    cells[1]["doubts"] = [ATTACK]
    cells[1]["data"]["split_rule"] = ATTACK
    folder = tmp_path_factory.mktemp("browser")
    made.write(folder / "results", cells)
    path = folder / "report.html"
    path.write_text(page([read_report_data(folder / "results")]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start the browser once for all tests."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


class Visit:
    """A page that is open, with what it asked for and complained about."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        """Open ``address``."""
        self.context = browser.new_context(**settings)
        self.page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(address)

    def shown_rows(self) -> list[str]:
        """Return the names of the matrix's rows that are shown, in their order."""
        names: list[str] = self.page.eval_on_selector_all(
            "table.cells tbody th",
            "all => all.filter(th => th.checkVisibility()).map(th => th.firstChild.data)",
        )
        return names


@pytest.fixture
def visit(browser: Any, file: Path) -> Iterator[Visit]:
    """Open the report on a desktop."""
    opened = Visit(browser, file.as_uri(), viewport={"width": 1280, "height": 900})
    yield opened
    opened.context.close()


def test_it_asks_for_nothing_complains_about_nothing_and_runs_no_foreign_script(
    visit: Visit, file: Path
) -> None:
    """The file itself is the only request; a script in a record is a text."""
    assert visit.requests == [file.as_uri()]
    assert visit.complaints == []
    assert visit.page.title() != "broken"
    blocked = "() => { const s = document.createElement('script'); s.textContent = 'window.x = 1';"
    visit.page.evaluate(f"{blocked} document.body.append(s); }}")
    assert visit.page.evaluate("() => window.x") is None


def test_every_chart_is_drawn_and_has_its_data_below(visit: Visit) -> None:
    """One width of each is shown, with marks in it."""
    sections = visit.page.query_selector_all("section.figure")
    assert len(sections) >= 3
    for section in sections:
        drawings = section.query_selector_all("figure svg")
        visible = [svg for svg in drawings if svg.is_visible()]
        assert len(visible) == 1
        assert visible[0].bounding_box()["width"] > 300
        assert len(visible[0].query_selector_all("path, circle, rect, text")) > 5
        assert len(section.query_selector_all("table.data tbody tr")) > 0


def test_a_switch_shows_another_drawing_and_stands_in_the_address(visit: Visit) -> None:
    """Without the script it works too: it is a radio button."""
    switches = visit.page.query_selector_all(".switched > input:nth-of-type(2)")
    assert switches
    switches[0].check()
    figure = visit.page.query_selector_all(".switched:has(> input) .views")[0]
    shown = [child.is_visible() for child in figure.query_selector_all("figure")]
    assert shown.index(True) == 1
    assert f"{switches[0].get_attribute('name')}=2" in visit.page.url


def test_sorting_filters_and_search_act_on_the_matrix(visit: Visit) -> None:
    """V0 stays first; the order turns with a second click."""
    before = visit.shown_rows()
    visit.page.click("button.sort:text('energy')")
    up = visit.shown_rows()
    visit.page.click("button.sort:text('energy')")
    down = visit.shown_rows()
    assert up[0] == down[0] == before[0]
    assert up[1:] == down[:0:-1]
    visit.page.fill("input[name=find]", "inference")
    assert len(visit.shown_rows()) == 5
    visit.page.select_option("select[name=kind]", "costs")
    assert visit.shown_rows() == before[:1]
    visit.page.click("button.all")
    assert visit.shown_rows() == before


def test_a_limit_greys_out_what_violates_it_and_names_the_best_that_keeps_it(visit: Visit) -> None:
    """Inference loses 12 of 100 answers: 24 points of MCC."""
    slide = "([name, value]) => { const field = document.querySelector(`input[name=${name}]`);"
    slide += " field.value = value; field.dispatchEvent(new Event('input', {bubbles: true})); }"
    visit.page.evaluate(slide, ["loss", "10"])
    beyond = visit.page.query_selector_all("td.beyond")
    names = [cell.evaluate("td => td.parentElement.cells[0].textContent") for cell in beyond]
    assert names
    assert all("inference" in name for name in names)
    summary = visit.page.text_content(".summary")
    assert "V3_data_training" in summary
    assert "loss=10" in visit.page.url


def test_the_address_brings_the_state_back(browser: Any, file: Path) -> None:
    """A link shows what its sender saw."""
    address = f"{file.as_uri()}#find=training&sort=-0+e&loss=10"
    opened = Visit(browser, address, viewport={"width": 1280, "height": 900})
    assert len(opened.shown_rows()) == 5
    assert opened.page.input_value("input[name=find]") == "training"
    assert opened.page.query_selector("td.beyond") is not None
    assert opened.page.get_attribute("button.sort.down", "data-sort") == "0 e"
    opened.context.close()


def test_a_verdict_opens_its_provenance_and_the_keyboard_closes_it(visit: Visit) -> None:
    """Focus returns to the button."""
    button = visit.page.query_selector_all("button.verdict")[1]
    button.focus()
    visit.page.keyboard.press("Enter")
    dialog = visit.page.wait_for_selector("dialog:popover-open")
    assert "Knobs, requested and read back" in dialog.text_content() or "Windows" in (
        dialog.text_content()
    )
    visit.page.keyboard.press("Escape")
    assert visit.page.query_selector("dialog:popover-open") is None
    assert button.evaluate("b => b === document.activeElement")


def test_a_table_is_copied_with_tabs(browser: Any, file: Path) -> None:
    """So that a spreadsheet takes it."""
    opened = Visit(browser, file.as_uri(), permissions=["clipboard-read", "clipboard-write"])
    section = opened.page.query_selector("section.figure")
    section.query_selector("summary").click()
    section.query_selector("button.copy").click()
    opened.page.wait_for_function("() => document.body.textContent.includes('copied')")
    copied = opened.page.evaluate("() => navigator.clipboard.readText()")
    lines = copied.splitlines()
    assert len(lines) > 1
    assert lines[0].count("\t") == lines[1].count("\t") > 0
    opened.context.close()


def test_rows_are_filtered_on_a_phone_too(browser: Any, file: Path) -> None:
    """There a row is a block, which must not undo that it is hidden."""
    address = f"{file.as_uri()}#kind=costs"
    opened = Visit(browser, address, viewport={"width": 390, "height": 800})
    assert opened.shown_rows() == ["V0_baseline"]
    opened.context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing_serious_and_nothing_is_wider_than_the_window(
    browser: Any, file: Path, width: int, scheme: str
) -> None:
    """On a light desktop and a dark phone, with all details and one provenance open."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened = Visit(
        browser,
        file.as_uri(),
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        bypass_csp=True,  # for axe's own script
    )
    opened.page.evaluate("() => document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.page.evaluate("() => document.documentElement.scrollWidth") <= width
    results = axe.Axe().run(opened.page).response
    opened.page.click("button.verdict >> nth=1")
    inside = axe.Axe().run(opened.page, context="dialog:popover-open").response
    found = []
    for violation in [*results["violations"], *inside["violations"]]:
        if violation["impact"] in SERIOUS:
            nodes = [node["html"][:120] for node in violation["nodes"][:2]]
            found.append(f"{violation['id']}: {json.dumps(nodes)}")
    assert found == []
    opened.context.close()


def test_it_prints_on_a_few_clean_pages(visit: Visit) -> None:
    """Controls and closed details stay off paper."""
    visit.page.emulate_media(media="print")
    assert not visit.page.is_visible(".controls")
    assert not visit.page.is_visible("nav")
    pdf = visit.page.pdf(format="A4", print_background=True)
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert 1 <= pages <= 6
