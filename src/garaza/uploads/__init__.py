"""Taking a video in, and refusing what is none before it costs anything."""
