"""The catalogue of furniture, and finding in it by meaning."""
