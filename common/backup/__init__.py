"""Backups and the way back: what is in one, where it lies, who waits for it. docs/backup.md tells the form."""
