"""Last-known state of each mesh; every row carries observed_at."""
