"""Calibration: how often tiers are right, measured on signals whose truth is known (docs/calibration.md)."""

from .measuring import measure, row_of, stored_of
from .storing import calibrate

__all__ = ["calibrate", "measure", "row_of", "stored_of"]
