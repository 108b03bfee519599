"""Everything that Analysis shows of some signals, as JSON-able values: pages, API and exports show the same. Pure."""

from typing import Any

from . import figures
from .choices import Choice
from .equity import equity
from .figures import Chosen
from .hindsight import grid, halves
from .reading import Signals


def report(signals: Signals, choice: Choice) -> dict[str, Any]:
    """Counts, tables of figures, and the line of equity."""
    chosen = Chosen.of(signals, choice)
    return {
        "target": choice.target_name,
        "counted": figures.told_counts(chosen),
        "tables": [
            figures.overall(chosen),
            figures.by_target(signals, choice),
            *(figures.by_group(chosen, name) for name in figures.GROUP_TITLES),
            figures.timeframes(chosen),
            figures.break_even(chosen),
            figures.excursions(chosen),
            figures.distribution(chosen, "mfe", "MFE", figures.MFE_BINS),
            figures.distribution(chosen, "mae", "MAE", figures.MAE_BINS, -1),
            figures.by_month(chosen),
            halves(signals, choice),
            grid(signals, choice),
        ],
        "equity": equity(chosen),
    }
