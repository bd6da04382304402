"""The HTTP room: a Flask app that checks, reads and enqueues. Imports only `common`."""
