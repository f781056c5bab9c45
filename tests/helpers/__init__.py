"""What several tests share: oracles, naive versions, small models and data."""
