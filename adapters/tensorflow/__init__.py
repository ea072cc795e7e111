"""TensorFlow: ``tf.nn``, ``tf.math`` and what stands beside them."""
