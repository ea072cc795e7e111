"""What is expected of a case, and the verdict on what came of it."""
