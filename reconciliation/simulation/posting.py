"""Posting alerts as TradingView does: once, and again only where the server asks for it."""

import time
from collections.abc import Callable

import httpx

TIMEOUT = httpx.Timeout(10.0)
AGAIN = (0.0, 5.0, 5.0, 5.0)  # seconds before each try
NOBODY = 0  # instead of a status, where nobody answered


def client() -> httpx.Client:
    # No proxies or passwords from the environment: the address alone says where alerts go.
    return httpx.Client(timeout=TIMEOUT, trust_env=False)


def post(http: httpx.Client, address: str, body: bytes, sleep: Callable[[float], None] = time.sleep) -> int:
    """Post one alert; returns the last answer's status, NOBODY without any. A server's failure is tried again."""
    kind = "application/json" if body.startswith(b"{") and body.endswith(b"}") else "text/plain"
    status = NOBODY
    for wait in AGAIN:
        if wait:
            sleep(wait)
        try:
            status = http.post(address, content=body, headers={"Content-Type": kind}).status_code
        except httpx.TransportError:
            status = NOBODY
        if status != NOBODY and status < 500:
            break
    return status
