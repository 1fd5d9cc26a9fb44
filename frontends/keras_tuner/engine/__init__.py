"""The parts of a search: spaces, trials, oracles and tuners."""
