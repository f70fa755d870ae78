"""Makes the sample catalogue: furniture of brands that don't exist, the same every time."""
