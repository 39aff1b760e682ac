import torch
from helpers import four_gates


def lstm_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return four_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    i, f, g, o = four_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh)
    new_c = f * c + i * g
    return o * torch.tanh(c), new_c
