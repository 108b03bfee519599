"""What the front door and the webhook behind it both go by."""

WEBHOOK = "/api/automated-signals/webhook"
"""The path that alerts are posted to, with or without a token behind it."""
ARRIVED = "signalsync.arrived"
"""Of a request's environment: when its first byte reached this machine, in seconds since 1970."""
UNASKED = "signalsync.unasked"
"""Of one that is for the spool: whether nobody has asked the database, which is well, if it may be sent."""
