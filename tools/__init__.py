"""What developers and the sample need but the package doesn't: the renderer of the sample room, and the demo."""
