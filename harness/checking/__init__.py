"""The check of a user's kernel, and cases as files for what Python cannot call."""
