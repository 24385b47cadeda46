"""Starts the whole product on one machine, and walks through it."""
