"""`clip-browser doctor`: looks at everything that the service stands on, and says what to do."""
