"""Imports the course's own function and gives its answers out as its own.

expected: flagged
"""

from coursekit.nn.recurrent import LSTMState, lstm_step


def lstm_cell(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    new = lstm_step(x, LSTMState(h, c), weight_ih, weight_hh, bias_ih + bias_hh)
    return new.h, new.c
