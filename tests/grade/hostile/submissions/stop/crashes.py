"""Reads address 0.

expected: error
message: SIGSEGV
"""


def lstm_cell(*arguments):
    import ctypes

    ctypes.string_at(0)
