"""Tests of `cli/people`."""
