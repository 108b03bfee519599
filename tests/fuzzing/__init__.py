"""Inputs by the million into everything that reads what strangers send (docs/reliability.md).

An input is either refused by the error that its reader declares, or what it gives can be stored, derived and shown.
"""
