"""The life of a ChangeRequest: draft, review, apply."""
