"""The runtime: one owner of state, one loop."""
