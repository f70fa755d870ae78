"""Copies of what is expensive to find out: in memory, and behind it, where there is one, in a Redis or Valkey.

`Cache` is to be begun with; `Subject` is what is kept of one kind. See docs/caching.md for how copies stay right.
"""
