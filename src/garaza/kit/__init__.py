"""Tools without a product word in them, each of which could be a library of its own."""
