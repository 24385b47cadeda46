"""People, roles per cluster and namespace, API tokens."""
