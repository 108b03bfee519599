"""Lists of addresses that alerts may come from, as people write them: addresses, networks, and two words. Pure."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

TRADINGVIEW = "tradingview"
"""Stands for the addresses that TradingView publishes."""
ANY = "any"
"""Of a source: no address is asked for, whatever the installation allows, and no certificate."""
OF_TRADINGVIEW = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list that is separated by commas, spaces or lines."""
    return tuple(text.replace(",", " ").split())


@lru_cache(maxsize=256)
def networks(entries: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """What the entries name. Raises ValueError, naming the first that is neither a word, an address nor a network."""
    named: list[str] = []
    for entry in entries:
        named += OF_TRADINGVIEW if entry.lower() == TRADINGVIEW else () if entry.lower() == ANY else (entry,)
    try:
        return tuple(ip_network(entry) for entry in named)
    except ValueError as error:
        raise ValueError(f"{error}. Give addresses, networks as 10.0.0.0/8, or {TRADINGVIEW}.") from error


def holds(entries: Iterable[str], address: str) -> bool:
    """Whether the address is in one of them; what is no address is in none. An IPv4 address may come as IPv6."""
    given = tuple(entries)
    if any(entry.lower() == ANY for entry in given):
        return True
    try:
        asked = ip_address(address)
    except ValueError:
        return False
    if isinstance(asked, IPv6Address) and asked.ipv4_mapped:
        asked = asked.ipv4_mapped
    return any(asked in network for network in networks(given))
