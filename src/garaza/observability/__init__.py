"""What an operator's instruments read."""
