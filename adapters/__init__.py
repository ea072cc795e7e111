"""How each framework is asked: bindings that call one public API with a spec's inputs and parameters.

Requirements:

- no framework is imported until something is really called: bindings are listed, filtered and printed in
  a process that has none of them;
- a worker needs NumPy, ml_dtypes and one framework; so nothing here imports specs or references, and a
  binding names its spec by a string;
- a binding passes every parameter explicitly, in the framework's own idiom, and converts layouts with the
  framework's own operations, so that gradients flow through.
"""
