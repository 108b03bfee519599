"""The simulator's markets sent to a running system, taken in here, or held against what became of them."""
