"""A right answer, graded before and after every attack."""

import torch


def lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = (x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).chunk(4, dim=-1)
    return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    c = f * c + i * g
    return o * torch.tanh(c), c


def lstm_cell_backward(grad_h, grad_c, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    tanh_c = torch.tanh(f * c + i * g)
    delta_c = grad_c + grad_h * o * (1 - tanh_c**2)
    blocks = (delta_c * g * i * (1 - i), delta_c * c * f * (1 - f), delta_c * i * (1 - g**2))
    gates = torch.cat([*blocks, grad_h * tanh_c * o * (1 - o)], dim=-1)
    bias = gates.sum(0)
    return gates @ weight_ih, gates @ weight_hh, delta_c * f, gates.T @ x, gates.T @ h, bias, bias.clone()
