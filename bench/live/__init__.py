"""Many open tabs, measured."""
