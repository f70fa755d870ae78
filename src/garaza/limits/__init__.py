"""How often, how long and how many at once: what each call may cost."""
