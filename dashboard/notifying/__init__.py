"""Telling people what is wrong: rules see symptoms, symptoms of one cause are an incident, its turns become messages.

`watch.watch` judges and puts messages into the outbox, in a transaction of its own: after every cycle by the worker,
and by the supervisor while the worker does nothing. docs/notifications.md explains.
"""
