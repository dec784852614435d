"""Super-resolution: its network, training and prediction."""
