"""Files that a reconstruction is handed out as."""
