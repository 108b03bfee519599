"""Repainting: what the indicator or its bars say afterwards, against what fired. A finding; nothing follows from it.

`reports` compares what reports state (pure), `exports` notes whole exports and whom they leave out, `bars` asks the
twin. `finding` puts the three together for a chunk of signals. docs/replay.md explains it.
"""
