"""The demo: invented markets with a history, which go on while it runs (docs/simulator.md)."""
