"""PyTorch: ``torch``, ``torch.nn`` and ``torch.nn.functional``."""
