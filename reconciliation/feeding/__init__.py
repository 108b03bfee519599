"""Price bars that are missing are asked of the feeds: `needs` says which, `step` asks."""
