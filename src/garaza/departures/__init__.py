"""Closing an account, with everything that it has."""
