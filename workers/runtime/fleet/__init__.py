"""A worker as others see it: what it tells of itself, and what it is asked."""
