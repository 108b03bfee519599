"""Calibration: how often tiers are right, measured on signals whose truth is known (docs/calibration.md)."""
