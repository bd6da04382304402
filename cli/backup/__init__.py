"""`clip-browser backup` and `restore`, for whoever has the machine."""
