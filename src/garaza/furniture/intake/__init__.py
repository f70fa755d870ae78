"""From files of any shop to clean products."""
