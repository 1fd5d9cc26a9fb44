"""Layers that turn raw features (numbers, integers, strings, audio) into what models take."""
