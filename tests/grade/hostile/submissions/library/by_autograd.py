"""Has the gradient, which is to be written by hand, computed by autograd under another name.

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
    return vars(torch.autograd)["gr" + "ad"](loss, leaves)
