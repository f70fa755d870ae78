"""What a client sees of the main job."""
