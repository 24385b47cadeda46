"""The only code that leaves the process: ports, and one adapter for each outside system."""
