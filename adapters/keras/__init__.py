"""Keras on any of its backends: ``keras.layers``, ``keras.losses``, ``keras.activations``, ``keras.ops``."""
