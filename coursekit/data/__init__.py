"""Files and generators -> plain tensors. Knows no model; `nn` knows none of this."""
