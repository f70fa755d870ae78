"""From depth maps to one clean triangle mesh, and smaller ones from it."""
