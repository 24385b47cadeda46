"""Request and response helpers, template tags, the stream endpoint. No models."""
