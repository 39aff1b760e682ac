import torch


def lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    before = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
    i, f, o, g = before.chunk(4, dim=-1)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    c = f * c + i * g
    return o * torch.tanh(c), c
