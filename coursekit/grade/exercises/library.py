"""What the library has ready and an exercise asks for: names that answers to it may not use."""

from __future__ import annotations

AUTOGRAD = (
    "torch.autograd.grad",
    "torch.autograd.backward",
    "torch.autograd.functional",
    *(
        f"torch.func.{name}"
        for name in ("grad", "grad_and_value", "vjp", "jvp", "jacrev", "jacfwd", "hessian")
    ),
    ".backward",
)
RECURRENT = (
    "coursekit",
    *(f"torch.nn.{kind}{part}" for kind in ("RNN", "LSTM", "GRU") for part in ("", "Cell")),
    *(f"torch.{kind}{part}" for kind in ("rnn_tanh", "rnn_relu", "lstm", "gru") for part in ("", "_cell")),
    "torch.nn.modules.rnn",
    "torch.mkldnn_rnn_layer",
    "torch._VF",
    "torch.ops",
)
CLIPPING = (
    "coursekit",
    *(
        f"torch.nn.utils.{name}"
        for name in (
            "clip_grad",
            "clip_grad_norm",
            "clip_grad_norm_",
            "clip_grad_value_",
            "clip_grads_with_norm_",
            "get_total_norm",
        )
    ),
)
