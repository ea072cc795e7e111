"""What is right: one NumPy function per layer or loss, and its vector-Jacobian product.

Functions are written to be read as definitions, in float64, channels last. They run on plain arrays and
on error-carrying arrays alike, so they use NumPy functions only (no ``np.asarray``, no assignment into
arrays, no loop over elements). Nothing here knows a framework.
"""
