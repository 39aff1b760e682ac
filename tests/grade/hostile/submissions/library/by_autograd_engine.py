"""Calls autograd's engine directly, below every function of the library's that could be watched.

expected: flagged
"""

import torch


def lstm_cell_backward(grad_h, grad_c, *arguments):
    leaves = [tensor.detach().requires_grad_() for tensor in arguments]
    x, h, c, weight_ih, weight_hh, bias_ih, bias_hh = leaves
    with torch.enable_grad():
        i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
        new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        loss = (grad_h * torch.sigmoid(o) * torch.tanh(new) + grad_c * new).sum()
    engine = vars(torch.autograd.variable.Variable)["_execution_" + "engine"]
    return engine.run_backward((loss,), (torch.ones_like(loss),), False, False, tuple(leaves), False, False)
