"""Engines: ways of finding cameras and depth. Each is a module here with a class that satisfies `engine.Engine`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from garaza.reconstruction.failures import EngineUnavailable

if TYPE_CHECKING:
    from garaza.reconstruction.engine import Engine

ENGINES: dict[str, tuple[str, str]] = {
    "geometric": ("garaza.reconstruction.engines.geometric", "GeometricEngine"),
}
"""Name → module and class. Imported only when used: an engine may need libraries that aren't installed."""


def make_engine(name: str) -> Engine:
    """The engine of that name.

    Raises:
        EngineUnavailable: there is none, or what it needs is not installed.
    """
    if name not in ENGINES:
        raise EngineUnavailable(engine=name)
    module, kind = ENGINES[name]
    try:
        engine: Engine = getattr(import_module(module), kind)()
    except ImportError as error:
        raise EngineUnavailable(engine=name, missing=error.name or "") from error
    return engine
