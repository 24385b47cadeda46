"""A canary in progress, pure: what was asked, what the counts say, and what to do next. No clock, no I/O."""
