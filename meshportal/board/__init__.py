"""What people look at: the on-call board and the service pages."""
