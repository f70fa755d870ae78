"""The web page, built from ui/ into static/."""

from __future__ import annotations

from fastapi import FastAPI


def mount(app: FastAPI) -> None:
    """Serve the page at /."""
