"""How often something may be done: rates of requests, and attempts to guess."""
