"""Patches of like colour: what a bare wall looks like in a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from garaza.reconstruction.prediction import UInt8


@njit(nogil=True, cache=True)
def _root(parent: NDArray[np.int32], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(nogil=True, cache=True)
def _merge(
    first: NDArray[np.int32],
    second: NDArray[np.int32],
    weights: NDArray[np.uint16],
    count: int,
    scale: float,
    smallest: int,
) -> NDArray[np.int32]:
    """Join pixels along edges, lightest first; returns labels 0, 1, …"""
    parent = np.arange(count).astype(np.int32)
    size = np.ones(count, dtype=np.int32)
    inner = np.zeros(count, dtype=np.float32)
    for k in range(len(first)):
        a, b = _root(parent, first[k]), _root(parent, second[k])
        weight = np.float32(weights[k])
        if a != b and weight <= inner[a] + scale / size[a] and weight <= inner[b] + scale / size[b]:
            parent[b] = a
            size[a] += size[b]
            inner[a] = weight
    for k in range(len(first)):
        a, b = _root(parent, first[k]), _root(parent, second[k])
        if a != b and (size[a] < smallest or size[b] < smallest):
            parent[b] = a
            size[a] += size[b]
    labels = np.full(count, -1, dtype=np.int32)
    found = 0
    for node in range(count):
        root = _root(parent, node)
        if labels[root] < 0:
            labels[root] = found
            found += 1
        labels[node] = labels[root]
    return labels


def segment(colour: UInt8, scale: float, smallest: int) -> NDArray[np.int32]:
    """Graph-based segmentation (Felzenszwalb & Huttenlocher 2004).

    Args:
        colour: (h, w, 3).
        scale: the larger, the larger the segments.
        smallest: smaller ones are joined to a neighbour.

    Returns:
        (h, w) labels, 0 to number of segments - 1.
    """
    height, width = colour.shape[:2]
    smooth = cv2.GaussianBlur(colour, (0, 0), 0.8).astype(np.float32)
    number = np.arange(height * width, dtype=np.int32).reshape(height, width)
    across = np.sqrt(((smooth[:, 1:] - smooth[:, :-1]) ** 2).sum(axis=2))
    down = np.sqrt(((smooth[1:] - smooth[:-1]) ** 2).sum(axis=2))
    weights = (np.concatenate([across.ravel(), down.ravel()]) * 64.0).astype(np.uint16)
    first = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    second = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    order = np.argsort(weights, kind="stable")
    labels = _merge(first[order], second[order], weights[order], height * width, scale * 64.0, smallest)
    return labels.reshape(height, width)
