"""Optuna underneath: its samplers choose, its pruners stop, its studies are shared."""
