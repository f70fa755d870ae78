"""Where the camera was and what lens it had, found from the keyframes alone; which way is up, and how large it is."""
