"""People: passwords, tokens, sessions and one-time sign-in links."""
