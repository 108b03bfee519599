"""What the indicator writes: one speaker per dialect, key for key and digit for digit as recorded.

Bodies are put together as text because their number formats are part of what is simulated ("0.00" in
`strategy`, ten decimals, prices without trailing zeros), and because it is fast.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from signals.clock import NEW_YORK, local
from signals.sessions import session_of
from signals.simulator.prices import Minute
from signals.simulator.scenario import DIALECTS, Scenario
from signals.simulator.trades import MinuteOfTrades, Signal
from signals.vocabulary import EventType, Trend

Said = tuple[str, str]  # event type, body
Speaker = Callable[[MinuteOfTrades], Iterable[Said]]

BATCH, SNAPSHOT, PRICE_BAR = "MFE_UPDATE_BATCH", EventType.UNIFIED_SNAPSHOT_V1.value, "PRICE_BAR"
LONGEST_BODY = 3900  # characters; where recorded batches stop
ONCE = (EventType.ENTRY, EventType.BE_TRIGGERED, EventType.EXIT_BREAK_EVEN, EventType.EXIT_STOP_LOSS)
SHORT = {Trend.BULLISH: "BULL", Trend.BEARISH: "BEAR", Trend.NEUTRAL: "NEUT"}
_VARIANTS = {
    EventType.SIGNAL_CREATED: "PENDING_CONFIRMATION",
    EventType.ENTRY: "HTF_ALIGNED",
    EventType.MFE_UPDATE: "ACTIVE",
    EventType.BE_TRIGGERED: "BE_PROTECTED",
    EventType.EXIT_BREAK_EVEN: "EXIT_BE",
    EventType.EXIT_STOP_LOSS: "EXIT_SL",
}
_REASONS = {
    EventType.SIGNAL_CREATED: '"triangle_appeared"',
    EventType.EXIT_BREAK_EVEN: '"be_stop_loss_hit"',
    EventType.EXIT_STOP_LOSS: '"original_stop_loss_hit"',
}
_EARLY_SETUP = ',"confidence_components":{"trend_alignment":1,"structure_quality":0.8,"volatility_fit":0.7}'
_EARLY_STATE = (
    '"trend_score":0.8,"volatility_regime":"NORMAL","atr":null,"atr_percentile_20d":null,'
    '"daily_range_percentile_20d":null,"price_location":{"vs_daily_open":null,"vs_vwap":null,'
    '"distance_to_HTF_level_points":null},"structure":{"swing_state":"UNKNOWN","bos_choch_signal":"NONE",'
    '"liquidity_context":"NEUTRAL"}}}'
)


def speaker(scenario: Scenario) -> Speaker:
    """Says all that one minute gives rise to, in the scenario's dialect."""
    speak: dict[str, Speaker] = {
        "strategy": Strategy(scenario),
        "telemetry-z": EarlyTelemetry(scenario),
        "telemetry": EarlyTelemetry(scenario),
        "batch": lambda step: batch(step, scenario, later=True),
        "plain": Plain(scenario),
        "mixed": Mixed(scenario),
    }
    spoken = [speak[scenario.dialect]]
    if scenario.snapshots:
        spoken.append(lambda step: [snapshot(step, scenario)])
    if scenario.price_bars:
        spoken.append(lambda step: [price_bar(step.minute, scenario)])
    return lambda step: [said for each in spoken for said in each(step)]


@lru_cache(maxsize=4096)
def price(points: Decimal) -> str:
    return f"{points.normalize():f}"


def ms(t: datetime) -> int:
    return int(t.timestamp()) * 1000


def wall(t: datetime, zone: str) -> str:
    return f"{local(t, zone):%Y-%m-%dT%H:%M:%S}"


def htf(signal: Signal) -> str:
    return ",".join(f'"{frame}":"{trend}"' for frame, trend in signal.htf.items())


def targets(signal: Signal) -> str:
    told = [price(signal.target(n)) if signal.confirmed else "null" for n in (1, 2, 3)]
    return '{{"tp1_price":{},"tp2_price":{},"tp3_price":{},"target_Rs":[1,2,3]}}'.format(*told)


class OneAtATime:
    """Updates one open signal a minute, the same until it ends: most never get an update."""

    kinds: Sequence[EventType] = ONCE

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.dialect = scenario, DIALECTS[scenario.dialect]
        self.chosen: Signal | None = None

    def __call__(self, step: MinuteOfTrades) -> Iterator[Said]:
        for kind, signal in step.happened:
            if kind in self.kinds:
                yield kind.value, self.body(kind, signal, step)
        going = [signal for signal in step.followed if not signal.over]
        if self.chosen not in going:
            self.chosen = going[-1] if going else None
        if self.chosen is not None and self.scenario.updates_in(step.minute.number):
            yield EventType.MFE_UPDATE.value, self.body(EventType.MFE_UPDATE, self.chosen, step)

    def body(self, kind: EventType, signal: Signal, step: MinuteOfTrades) -> str:
        raise NotImplementedError

    def wall(self, bar: datetime) -> str:
        return wall(bar, self.scenario.zone_at(bar))

    def label(self, t: datetime) -> str:
        """The session as the indicator believes it to be."""
        return session_of(t - timedelta(hours=self.dialect.label_lag)).value


class Strategy(OneAtATime):
    def body(self, kind: EventType, signal: Signal, step: MinuteOfTrades) -> str:
        head = f'{{"type":"{kind}","signal_id":"{signal.trade_id}",'
        time = f'"timestamp":{ms(step.minute.time)}}}'
        legs = f'"be_mfe":{signal.be_mfe},"no_be_mfe":{signal.no_be_mfe},'
        if kind == EventType.ENTRY:
            return head + self._entry(signal)
        if kind == EventType.MFE_UPDATE:
            return (
                head + f'"current_price":{price(step.minute.bar.close)},{legs}{span(signal)},"status":"active",{time}'
            )
        if kind == EventType.BE_TRIGGERED:
            return head + f'"be_hit":true,{legs}{time}'
        return head + (
            f'"completion_reason":"be_stop_loss_hit","final_be_mfe":{signal.be_mfe},'
            f'"final_no_be_mfe":{signal.no_be_mfe},"status":"completed",{time}'
        )

    def _entry(self, signal: Signal) -> str:
        triangle, entry = local(signal.born.time, NEW_YORK), price(signal.entry)
        one, two, three = (price(signal.target(n)) for n in (1, 2, 3))
        return (
            f'"date":"{triangle:%Y-%m-%d}","time":"{triangle:%H:%M:%S}","bias":"{signal.direction}",'
            f'"session":"{self.label(signal.born.time)}","entry_price":{entry},"sl_price":{price(signal.stop)},'
            f'"risk_distance":{price(signal.risk)},"be_price":{entry},"target_1r":{one},"target_2r":{two},'
            f'"target_3r":{three},"be_hit":false,"be_mfe":0.00,"no_be_mfe":0.00,"status":"active",'
            f'"timestamp":{ms(signal.born.time)}}}'
        )


def span(signal: Signal) -> str:
    """The extremes that the excursions are made of."""
    low, high = sorted((signal.entry + signal.sign * signal.worst, signal.entry + signal.sign * signal.best))
    return f'"lowest_low":{price(low)},"highest_high":{price(high)}'


class Telemetry(OneAtATime):
    """What the early and the late spelling share."""

    def row(self, kind: EventType, signal: Signal, stamp: str, bar: datetime, shown: str) -> str:
        """All up to market_state. `stamp` and `bar` are the bar that the row names, `shown` its measures."""
        pending, variant = signal.confirmed is None, _VARIANTS[kind]
        entry, stop = ("null", "null") if pending else (price(signal.entry), price(signal.stop))
        size = 0 if pending else max(1, int(75 / signal.risk))
        regime = "Bullish" if signal.sign > 0 else "Bearish"
        symbol = self.scenario.symbol
        return (
            '{"schema_version":"1.0.0","engine_version":"1.0.0","strategy_name":"NQ_FVG_CORE",'
            '"strategy_id":"NQ_FVG_CORE","strategy_version":"2025.11.20",'
            f'"trade_id":"{signal.trade_id}","event_type":"{kind}","event_timestamp":"{stamp}",'
            f'"symbol":"{symbol}","exchange":"{symbol}","timeframe":"1","session":"{self.label(bar)}",'
            f'"direction":"{signal.direction}","entry_price":{entry},"stop_loss":{stop},'
            f'"risk_R":{int(not pending)},"position_size":{size},{shown},"exit_timestamp":null,'
            f'"exit_reason":{_REASONS.get(kind, "null")},"targets":{targets(signal)},'
            f'"setup":{{"setup_family":"FVG_CORE","setup_variant":"{variant}","setup_id":"FVG_CORE_{variant}",'
            f'"signal_strength":75{self.setup}}},"market_state":{{"trend_regime":"{regime}",'
        )

    setup = ""


class EarlyTelemetry(Telemetry):
    """`mfe_R` and a placeholder `mae_R`; no HTF and no SIGNAL_CREATED. Z telemetry names ENTRY's bar, by a
    Chicago clock with a false Z; the first New York telemetry names the signal's."""

    setup = _EARLY_SETUP

    def body(self, kind: EventType, signal: Signal, step: MinuteOfTrades) -> str:
        old, exits = self.dialect.single_leg, kind.startswith("EXIT")
        own_bar = kind == EventType.ENTRY and not old
        bar = signal.born.time if own_bar else step.minute.time
        stamp = self.wall(bar) + ("Z" if old else "")
        final = "null"
        if exits and old:
            final = "0"
        elif kind == EventType.EXIT_STOP_LOSS:
            final = signal.no_be_mfe
        at_entry = kind == EventType.EXIT_BREAK_EVEN and not old
        protected = at_entry or (signal.protected is not None and kind != EventType.ENTRY)
        out = price(signal.entry if at_entry else signal.stop) if exits else "null"
        shown = (
            f'"be_price":{price(signal.entry) if protected else "null"},"mfe_R":{signal.be_mfe},"mae_R":0,'
            f'"final_mfe_R":{final},"exit_price":{out}'
        )
        return self.row(kind, signal, stamp, bar, shown) + _EARLY_STATE


class Mixed(Telemetry):
    """The night of 2025-12-10: SIGNAL_CREATED, ENTRY, BE and exits as telemetry, and a batch a minute."""

    def __call__(self, step: MinuteOfTrades) -> Iterator[Said]:
        for kind, signal in step.happened:
            if kind in _VARIANTS:
                yield kind.value, self.body(kind, signal, step)
            elif self.scenario.cancelled:
                yield kind.value, cancelled(signal)
        yield from batch(step, self.scenario)

    def body(self, kind: EventType, signal: Signal, step: MinuteOfTrades) -> str:
        # BE and exits carry the bar, the session and the HTF of the latest triangle, not of their own signal.
        own = kind in (EventType.SIGNAL_CREATED, EventType.ENTRY)
        told = signal if own or step.latest is None else step.latest
        final, out = "null", "null"
        if kind == EventType.EXIT_BREAK_EVEN:
            final, out = signal.be_mfe, price(signal.entry)
        elif kind == EventType.EXIT_STOP_LOSS:
            final, out = signal.no_be_mfe, price(signal.stop)
        shown = (
            f'"be_price":{price(signal.entry) if signal.protected else "null"},"be_mfe":{signal.be_mfe},'
            f'"no_be_mfe":{signal.no_be_mfe},"mae_global_r":{signal.mae},"final_mfe_R":{final},"exit_price":{out}'
        )
        return (
            self.row(kind, signal, self.wall(told.born.time), told.born.time, shown)
            + '"trend_score":1,"volatility_regime":"NORMAL"},"htf_alignment":{'
            + f'{htf(told)},"all_bullish":true,"all_bearish":true}}}}'
        )


class Plain(OneAtATime):
    kinds = (EventType.SIGNAL_CREATED, *ONCE, EventType.CANCELLED)

    def __call__(self, step: MinuteOfTrades) -> Iterator[Said]:
        said = super().__call__(step)
        return said if self.scenario.cancelled else (one for one in said if one[0] != EventType.CANCELLED)

    def body(self, kind: EventType, signal: Signal, step: MinuteOfTrades) -> str:
        if kind == EventType.CANCELLED:
            return cancelled(signal)
        born = local(signal.born.time, self.scenario.zone_at(signal.born.time))
        head = f'{{"event_type":"{kind}","trade_id":"{signal.trade_id}","direction":"{signal.direction}",'
        legs = f'"be_mfe":{signal.be_mfe},"no_be_mfe":{signal.no_be_mfe},"mae_global_r":{signal.mae}'
        if kind in (EventType.SIGNAL_CREATED, EventType.ENTRY):
            own = (
                f'"session":"{self.label(signal.born.time)}","signal_date":"{born:%Y-%m-%d}",'
                f'"signal_time":"{born:%H:%M:%S}","event_timestamp":"{self.wall(signal.born.time)}",'
                f'"htf_alignment":{{{htf(signal)}}}'
            )
            if kind == EventType.SIGNAL_CREATED:
                return f"{head}{own}}}"
            return (
                f'{head}{own},"entry_price":{price(signal.entry)},"stop_loss":{price(signal.stop)},'
                f'"targets":{targets(signal)}}}'
            )
        head += f'"event_timestamp":"{self.wall(step.minute.time)}",'
        if kind == EventType.MFE_UPDATE:
            return f'{head}{legs},"current_price":{price(step.minute.bar.close)}}}'
        if kind == EventType.BE_TRIGGERED:
            return f'{head}"be_price":{price(signal.entry)},{legs}}}'
        out = price(signal.entry if kind == EventType.EXIT_BREAK_EVEN else signal.stop)
        return (
            f'{head}"exit_price":{out},"exit_reason":{_REASONS[kind]},{legs},'
            f'"final_be_mfe":{signal.be_mfe},"final_no_be_mfe":{signal.no_be_mfe}}}'
        )


def cancelled(signal: Signal) -> str:
    """CANCELLED, which has one spelling only."""
    by = signal.cancelled_by
    if by is None:
        raise ValueError(f"{signal.trade_id} was never superseded: only such signals are cancelled")
    stamp = wall(by.born.time, by.scenario.zone_at(by.born.time))
    return (
        f'{{"event_type":"CANCELLED","trade_id":"{signal.trade_id}","direction":"{signal.direction}",'
        f'"event_timestamp":"{stamp}","cancelled_time":"{stamp}",'
        f'"cancel_reason":"superseded","bars_pending":{by.born.number - signal.born.number},'
        f'"cancelled_by":"{by.trade_id}"}}'
    )


def batch(step: MinuteOfTrades, scenario: Scenario, *, later: bool = False) -> list[Said]:
    """All followed signals in one body, in the recorded form or the later one."""
    listed = newest(step, scenario.symbol if later else "", LONGEST_BODY - 100)
    if not listed or not scenario.updates_in(step.minute.number):
        return []
    stamp = wall(step.minute.time, scenario.zone_at(step.minute.time))
    return [(BATCH, f'{{"event_type":"{BATCH}","timestamp":"{stamp}","signals":[{listed}]}}')]


def newest(step: MinuteOfTrades, symbol: str, room: int) -> str:
    """As many followed signals as fit into `room` characters: the oldest are left out, the order is kept."""
    close = price(step.minute.bar.close)
    entries: list[str] = []
    for signal in reversed(step.followed):
        entry = later_entry(signal, close, symbol) if symbol else recorded_entry(signal, close)
        room -= len(entry) + 1
        if room < 0:
            break
        entries.append(entry)
    return ",".join(reversed(entries))


def recorded_entry(signal: Signal, close: str) -> str:
    return (
        f'{{"trade_id":"{signal.trade_id}","direction":"{signal.direction}","be_mfe":{signal.be_mfe},'
        f'"no_be_mfe":{signal.no_be_mfe},"mae_global_r":{signal.mae},"current_price":{close},'
        f'"be_triggered":{"true" if signal.protected else "false"}}}'
    )


def later_entry(signal: Signal, close: str, symbol: str) -> str:
    born, confirmed = signal.born.time, signal.confirmed
    date = wall(born, signal.scenario.zone_at(born))[:10]
    return (
        f'{{"trade_id":"{signal.trade_id}","direction":"{signal.direction}","be_mfe":{signal.be_mfe},'
        f'"no_be_mfe":{signal.no_be_mfe},"mae":{signal.mae},"current_price":{close},'
        f'"be_triggered":{"true" if signal.protected else "false"},"entry":{price(signal.entry)},'
        f'"stop":{price(signal.stop)},"triangle_time":{ms(born)},'
        f'"confirmation_time":{ms(confirmed.time) if confirmed else "null"},"date":"{date}",'
        f'"session":"{signal.session}","symbol":"{symbol}","completed":{"true" if signal.over else "false"}}}'
    )


def snapshot(step: MinuteOfTrades, scenario: Scenario) -> Said:
    """One bar with OHLC, the signals as in the later batch form, and what changed among the triangles."""
    minute, symbol = step.minute, scenario.symbol
    told = {EventType.SIGNAL_CREATED, EventType.ENTRY} | ({EventType.CANCELLED} if scenario.cancelled else set())
    # Where the id names ENTRY's bar, a signal has none before.
    deltas = ",".join(_delta(signal) for kind, signal in step.happened if kind in told and signal.trade_id)
    listed = newest(step, symbol, LONGEST_BODY - 300 - len(deltas))
    return SNAPSHOT, (
        f'{{"event_type":"{SNAPSHOT}","symbol":"{symbol}","bar_ts":{ms(minute.time) + 60000},{_ohlc(minute)},'
        f'"signals":[{listed}],"triangles_delta":[{deltas}]}}'
    )


def price_bar(minute: Minute, scenario: Scenario) -> Said:
    """The bar, as an ordinary alert once per bar close tells it (docs/formats.md)."""
    ticker = scenario.ticker.split(",", 1)[0]
    return PRICE_BAR, (
        f'{{"event_type":"{PRICE_BAR}","ticker":"{ticker}","interval":"1","time":"{minute.time:%Y-%m-%dT%H:%M:%SZ}",'
        f"{_ohlc(minute)}}}"
    )


def _ohlc(minute: Minute) -> str:
    bar = minute.bar
    return f'"open":{price(bar.open)},"high":{price(bar.high)},"low":{price(bar.low)},"close":{price(bar.close)}'


def _delta(signal: Signal) -> str:
    confirmed, frames = signal.confirmed, signal.htf
    levels = f'"entry":{price(signal.entry)},"stop":{price(signal.stop)},"risk":{price(signal.risk)},'
    bars = confirmed.number - signal.born.number if confirmed else "null"
    return (
        f'{{"trade_id":"{signal.trade_id}","direction":"{signal.direction}","triangle_time":{ms(signal.born.time)},'
        f'"confirmation_time":{ms(confirmed.time) if confirmed else "null"},"status":"{signal.status}",'
        f'{levels if confirmed else _NO_LEVELS}"bars_to_confirm":{bars},'
        f'"htf_daily":"{SHORT[frames["daily"]]}","htf_4h":"{SHORT[frames["h4"]]}",'
        f'"htf_1h":"{SHORT[frames["h1"]]}","htf_15m":"{SHORT[frames["m15"]]}","htf_5m":"{SHORT[frames["m5"]]}"}}'
    )


_NO_LEVELS = '"entry":null,"stop":null,"risk":null,'
