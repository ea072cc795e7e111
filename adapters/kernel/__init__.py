"""A user's own kernel: its function, the array types that it may want, and memory under watch."""
