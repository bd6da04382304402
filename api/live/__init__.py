"""What is live: Socket.IO rooms with snapshots, and who is on which image."""
