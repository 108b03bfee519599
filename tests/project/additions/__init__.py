"""What an addition must do: tests that run in a copy of the project in which it was made (test_additions.py)."""
