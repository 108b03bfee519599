"""Replay: the indicator's twin runs on stored bars; where it agrees with what was heard, it tells what was not.

`following` runs the twin, `agreeing` compares it (both pure); `catching_up`, `measuring` and `finding` keep what they
find. The tier is tiers/calculation/replay.py. docs/replay.md explains it.
"""
