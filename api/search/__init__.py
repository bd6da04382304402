"""Search and the map."""
