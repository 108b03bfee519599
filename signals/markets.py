"""Markets: which calendar a symbol trades by, by its exchange's prefix, else by how it is spelled. Pure tables.

TradingView writes EXCHANGE:SYMBOL. A choice comes with its reason, and an empty one with what is not known: then
nothing may be counted across a time in which this market could be closed.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from .symbols import normalised

CME, NYSE, FOREX, CRYPTO = "CME Globex Equity", "NYSE", "24/5", "24/7"


class Choice(NamedTuple):
    """A market calendar ("" when it is not known), and why it is this one."""

    calendar: str
    reason: str


# What people can pick from by name. Others are typed, as exchange_calendars and pandas_market_calendars name them.
NAMED = {
    CME: "CME futures: Sunday 18:00 to Friday 17:00 New York, with the daily halt",
    NYSE: "NYSE and Nasdaq: 09:30 to 16:00 New York",
    FOREX: "Currencies: Sunday 17:00 to Friday 17:00 New York",
    CRYPTO: "Always open: cryptocurrencies",
}
# By the exchange before the colon. Futures exchanges also come as CME_MINI, CBOT_MINI, COMEX_MINI, …, delayed as …_DL.
FUTURES = frozenset({"CME", "CBOT", "NYMEX", "COMEX"})
US_STOCKS = frozenset({"NASDAQ", "NYSE", "AMEX", "ARCA", "NYSEARCA", "NYSEAMERICAN", "BATS", "CBOE", "BOATS", "IEX"})
FX_BROKERS = frozenset(
    {"FX", "FX_IDC", "OANDA", "FOREXCOM", "FXCM", "SAXO", "PEPPERSTONE", "ICMARKETS", "EIGHTCAP", "CAPITALCOM",
     "BLACKBULL", "FXOPEN", "IBKR", "IDC", "EASYMARKETS", "TICKMILL", "VANTAGE", "THINKMARKETS", "ACTIVTRADES"}
)  # fmt: skip
COINS = frozenset(
    {"BINANCE", "BINANCEUS", "BYBIT", "COINBASE", "KRAKEN", "OKX", "OKEX", "BITSTAMP", "BITFINEX", "KUCOIN", "GATEIO",
     "GATE", "MEXC", "BITGET", "HUOBI", "HTX", "DERIBIT", "BITMEX", "GEMINI", "CRYPTO", "CRYPTOCAP", "PHEMEX", "BINGX",
     "HYPERLIQUID", "DYDX", "BLOFIN", "WHITEBIT", "UPBIT", "BITHUMB", "POLONIEX", "BITTREX", "UNISWAP", "UNISWAP3ETH",
     "PANCAKESWAP", "COINEX", "LBANK", "BITRUE", "WOONETWORK", "COINW"}
)  # fmt: skip
ELSEWHERE = {
    "LSE": "XLON", "XETR": "XETR", "FWB": "XFRA", "SWB": "XSTU", "EURONEXT": "XPAR", "MIL": "XMIL", "BME": "XMAD",
    "SIX": "XSWX", "VIE": "XWBO", "GPW": "XWAR", "OMXSTO": "XSTO", "OMXCOP": "XCSE", "OMXHEX": "XHEL", "OSL": "XOSL",
    "TSX": "XTSE", "TSXV": "XTSE", "BMFBOVESPA": "BVMF", "BMV": "XMEX", "BCBA": "XBUE", "ASX": "XASX", "NZX": "XNZE",
    "HKEX": "XHKG", "TSE": "XTKS", "SSE": "XSHG", "SZSE": "XSHG", "TWSE": "XTAI", "KRX": "XKRX", "NSE": "XNSE",
    "BSE": "XBOM", "SGX": "XSES", "SET": "XBKK", "IDX": "XIDX", "JSE": "XJSE", "TADAWUL": "XSAU", "TASE": "XTAE",
    "EUREX": "EUREX",
}  # fmt: skip
# Futures whose hours differ from those of CME's equity indices, by the root of their contracts.
OTHER_HOURS = {
    **dict.fromkeys(("ZC", "ZS", "ZW", "ZL", "ZM", "ZO", "KE", "XC", "XK", "XW", "MZC", "MZS", "MZW", "MZL", "MZM"),
                    "CMEGlobex_Grains"),
    **dict.fromkeys(("LE", "HE", "GF"), "CMEGlobex_Livestock"),
}  # fmt: skip
CME_ROOTS = frozenset(
    {"ES", "MES", "NQ", "MNQ", "YM", "MYM", "RTY", "M2K", "EMD", "NKD", "CL", "MCL", "QM", "NG", "MNG", "QG", "RB",
     "HO", "BZ", "GC", "MGC", "QO", "SI", "SIL", "QI", "HG", "MHG", "PL", "PA", "ZN", "ZB", "ZF", "ZT", "UB", "TN",
     "ZQ", "SR1", "SR3", "6E", "6B", "6J", "6A", "6C", "6S", "6N", "6M", "M6E", "M6B", "M6A", "E7", "J7", "BTC", "MBT",
     "ETH", "MET", *OTHER_HOURS}
)  # fmt: skip
_CURRENCIES = "USD|EUR|GBP|JPY|CHF|AUD|NZD|CAD|SEK|NOK|DKK|SGD|HKD|CNH|MXN|ZAR|TRY|PLN|CZK|HUF|ILS|THB|INR|BRL|KRW"
_PAIR = re.compile(rf"(?:{_CURRENCIES}){{2}}")
_FUTURE = re.compile(r"([A-Z0-9]{1,4}?)(?:\d!|[FGHJKMNQUVXZ](?:\d{4}|\d{1,2}))")
_COIN = re.compile(
    r"[A-Z0-9]{1,15}(?:USDT|USDC|BUSD|FDUSD|TUSD|USDE|DAI)(?:\.P|PERP)?"
    r"|(?:BTC|XBT|ETH|SOL|XRP|ADA|DOGE|BNB|LTC|DOT|AVAX|LINK|BCH|TRX|TON|SHIB|PEPE|SUI)(?:USD|EUR|GBP|BTC|ETH)(?:\.P)?"
)
INDEXES = frozenset({"DAX", "DXY", "VIX", "GOLD", "OIL", "UKX", "FTSE", "NKY", "HSI", "CAC", "SX5E", "STOXX"})
_STOCK = re.compile(r"[A-Z]{1,5}(?:\.[A-Z])?")


@lru_cache(maxsize=1024)
def calendar_of(ticker: str) -> Choice:
    """The market of a ticker, in any spelling ("CME_MINI:MNQ1!, 1m", "EURUSD")."""
    symbol = normalised(ticker)
    exchange = "".join(ticker.split(",", 1)[0].split()).upper().partition(":")[0] if ":" in ticker else ""
    if not symbol:
        return Choice("", "its symbol is not known yet")
    if any(sign in symbol for sign in "+*/") or symbol.count(":"):
        return Choice("", f"{symbol} is put together from several symbols")
    if exchange:
        return of_exchange(exchange, symbol)
    return by_spelling(symbol)


def of_exchange(exchange: str, symbol: str) -> Choice:
    known = Choice("", f"the exchange {exchange} is not in the table of markets")
    if exchange.partition("_")[0] in FUTURES:
        known = Choice(OTHER_HOURS.get(root_of(symbol), CME), f"{exchange}: is a futures exchange of CME")
    elif exchange.removesuffix("_DLY") in US_STOCKS:
        known = Choice(NYSE, f"{exchange}: is a US stock exchange")
    elif exchange in COINS:
        known = Choice(CRYPTO, f"{exchange}: trades cryptocurrencies")
    elif exchange in FX_BROKERS:
        pair = _PAIR.fullmatch(symbol)
        why = f"{symbol} is a pair of currencies" if pair else f"{symbol} at {exchange} is no pair of currencies"
        known = Choice(FOREX if pair else "", why)
    elif exchange in ELSEWHERE:
        known = Choice(ELSEWHERE[exchange], f"{exchange}: trades by the calendar {ELSEWHERE[exchange]}")
    return known


def by_spelling(symbol: str) -> Choice:
    root = root_of(symbol)
    if root:
        hours = OTHER_HOURS.get(root, CME) if root in CME_ROOTS else ""
        told = f"{symbol} is spelled as a future of CME" if hours else f"nobody knows which exchange {symbol} is of"
        return Choice(hours, told)
    if _COIN.fullmatch(symbol):
        return Choice(CRYPTO, f"{symbol} is spelled as a cryptocurrency")
    if _PAIR.fullmatch(symbol):
        return Choice(FOREX, f"{symbol} is spelled as a pair of currencies")
    if _STOCK.fullmatch(symbol) and symbol not in INDEXES:
        return Choice(NYSE, f"{symbol} is spelled as a US stock")
    return Choice("", f"nothing is known of {symbol}")


def root_of(symbol: str) -> str:
    """MNQ of MNQ1! and of MNQZ2026; "" for what is no future."""
    match = _FUTURE.fullmatch(symbol)
    return match[1] if match else ""
