"""Every change to the tables, in order. Released ones are never edited."""

PACKAGE = __name__
