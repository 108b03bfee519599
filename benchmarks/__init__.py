"""Measures of throughput, latency and memory: `python -m benchmarks [NAME…]` (docs/performance.md).

Everything that is measured runs in processes of its own, on a database that is made for it and dropped afterwards.
"""
