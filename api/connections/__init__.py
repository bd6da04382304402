"""The server's connections: what has to arrive before a request gets a thread, and how long it may take."""
