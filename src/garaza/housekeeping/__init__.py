"""Removing what nobody needs any more: files first and rows after, in rounds that go on after any crash."""
