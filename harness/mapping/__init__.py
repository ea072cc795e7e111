"""What the arguments of public APIs mean, and what they are by default."""
