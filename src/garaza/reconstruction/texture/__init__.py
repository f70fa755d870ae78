"""From a mesh and the images it was filmed in to one texture atlas."""
