"""Answers with a frame of many megabytes: deeply nested JSON, or a number with a million digits.

expected: error
"""


def lstm_cell(*arguments):
    import itertools
    import os

    for text in (b"[" * 3_000_000, b"9" * 3_000_000):
        body = len(text).to_bytes(4, "little") + text
        for descriptor in itertools.chain(range(3, 16)):
            try:
                os.write(descriptor, len(body).to_bytes(8, "little") + body)
            except OSError:
                pass
    os._exit(0)
