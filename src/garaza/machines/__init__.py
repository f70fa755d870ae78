"""Programs that act for an operator: their keys, and the requests they sign."""
