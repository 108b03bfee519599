"""The indicator's twin: price bars in, the indicator's statements out, by the rules that it was found to follow.

Pure and incremental: `Twin.take` takes in one closed bar and says what the indicator would say at its close. The rules
were read off the indicator and checked against its alerts and the market's bars of the same minutes; docs/twin.md has
them, and what is not known of them.
"""

from .bars import Bar
from .indicator import Statement, Twin
from .trades import Trade
from .trend import TrendState

__all__ = ["Bar", "Statement", "Trade", "TrendState", "Twin"]
