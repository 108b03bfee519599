"""Outbound events: what happens to signals and gaps, posted to others as signed webhooks. See docs/outbound.md.

`stream` reads what is stored and tells each event once (`marks` how far it has read, `building` what an event says,
`news` which steps of a signal's life are untold); `choosing` says who gets it; `sending` posts it by way of the outbox;
`endpoints` and `replaying` are what people do. `step` is the worker's turn. Nothing here is part of a cycle.
"""
