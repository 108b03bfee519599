"""The tiers: `table` has them all, the other modules say how each fills gaps. docs/tiers.md explains them."""
