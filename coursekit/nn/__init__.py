"""Layers and models from their equations: tensors in, tensors out. Knows no file; `data` knows no model."""
