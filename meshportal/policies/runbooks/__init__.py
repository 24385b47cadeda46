"""Runbooks over rows: checks in words, and fixes as changes to ask for. Their pages are in `diagnostics`."""
