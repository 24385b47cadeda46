"""One folder per self-service form."""
