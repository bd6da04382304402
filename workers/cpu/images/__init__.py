"""Images on their way in: verified, stored once, recorded; and the drawn sample."""
