"""The HTTP routes of one service as a form: what is live, what may be typed, and what that makes of the live VirtualService."""
