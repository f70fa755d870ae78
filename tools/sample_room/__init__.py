"""Renders a furnished room as a phone would film it, with the exact truth. `python -m tools.sample_room --help`."""
