"""Operators of ONNX, asked through ONNX's own reference evaluator."""
