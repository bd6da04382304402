"""WebSockets of one process after their handshake: one thread has them all."""
