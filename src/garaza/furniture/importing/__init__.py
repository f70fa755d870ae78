"""Taking a file into the catalogue: its rows, then what a model makes of their texts, as the next version."""
