"""Programs for developers. Nothing of the product imports them."""
