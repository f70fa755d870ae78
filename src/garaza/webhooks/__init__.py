"""Telling other programs that a scan has ended."""
