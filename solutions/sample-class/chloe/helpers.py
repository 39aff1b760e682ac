def four_gates(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    before = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh
    i, f, g, o = before.chunk(4, dim=-1)
    return i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
