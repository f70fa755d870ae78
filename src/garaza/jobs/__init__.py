"""The main job as a row that survives whatever is killed, and the worker that does it."""
