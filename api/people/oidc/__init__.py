"""Sign-in by an OpenID provider: authorization code flow with PKCE, and whom it lets in."""
