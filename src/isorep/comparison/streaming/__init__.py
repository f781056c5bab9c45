"""Tables from second moments, gathered while rows go by."""
