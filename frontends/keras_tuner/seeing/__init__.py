"""Searches to look at: while they run, as tables, as pictures, as a page."""
