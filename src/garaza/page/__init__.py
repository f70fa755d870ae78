"""The web page: built from ui/ into static/ when the package is built, and served from there."""

from garaza.page.serve import mount

__all__ = ["mount"]
