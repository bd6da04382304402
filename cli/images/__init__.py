"""Images in the terminal: import a folder or a zip, so that nothing is sent twice."""
