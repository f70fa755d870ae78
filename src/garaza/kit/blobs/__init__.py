"""Where videos and results are kept: a port, and an adapter for each kind of place."""
