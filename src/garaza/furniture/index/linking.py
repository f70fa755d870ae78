"""How vectors are linked, and the links followed: alike by whatever index, so that they find as much. Measured: see
docs/decisions/0035.
"""

from __future__ import annotations

LINKS = 16
"""Of each, on each layer."""
BUILD_CANDIDATES = 100
"""Looked at for them."""
CANDIDATES = 160
"""Looked at in a search; more of them find more of the nearest, and take longer."""
OVERSAMPLING = 2.0
"""So many times what is wanted is found by 8 bits a number, and compared by all of them."""
