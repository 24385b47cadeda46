"""What the portal costs, in counts and ratios. See README.md."""
