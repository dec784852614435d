"""Networks, losses and their statistics: tensors in, tensors out (torch)."""
