"""Tests of `cli/store`."""
