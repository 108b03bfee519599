"""Analysis in a real browser: charts beside their tables, on a wide screen and a phone, light and dark."""

import pytest

from tests.dashboard.analysis.trades import small_set

from . import browser
from .browser import Visitor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser, pytest.mark.slow]
PAGE = "/console/analysis/"
FILLED = "() => [...document.querySelectorAll('[data-chart]')].map((canvas) => Boolean(Chart.getChart(canvas)))"


@pytest.fixture
def viewer(visitor: Visitor) -> Visitor:
    small_set()
    visitor.sign_in("Viewer", PAGE)
    return visitor


def test_three_charts_are_drawn_and_a_choice_is_kept_in_the_address(viewer: Visitor) -> None:
    assert viewer.page.evaluate(FILLED) == [True, True, True]
    viewer.page.select_option("[name=target]", "3")
    viewer.press("Show")
    viewer.page.wait_for_url("**target=3**")
    assert viewer.page.evaluate(FILLED) == [True, True, True]


def test_a_figure_leads_to_its_signals(viewer: Visitor) -> None:
    viewer.page.get_by_role("region", name="Both legs, figures").get_by_role("link", name="50.0 %").first.click()
    viewer.page.wait_for_url("**/console/signals/**")
    assert viewer.page.locator("table.signals tbody tr").count() == 2


@pytest.mark.parametrize("width", [1400, 390])
def test_it_is_accessible_and_no_wider_than_the_screen(viewer: Visitor, width: int) -> None:
    viewer.page.set_viewport_size({"width": width, "height": 900})
    assert browser.violations(viewer, [PAGE]) == []
    assert viewer.page.evaluate("document.documentElement.scrollWidth") == width
