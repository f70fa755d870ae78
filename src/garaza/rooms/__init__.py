"""Finished scans kept under a name, and sharing them."""
