"""Pictures through the API, and by signed links."""
