"""What workers know of captions besides saving them."""
