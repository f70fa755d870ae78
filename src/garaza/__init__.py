"""Garaza turns a phone video of a room into a 3D model you can walk around in a browser."""

__version__ = "0.1.0"
