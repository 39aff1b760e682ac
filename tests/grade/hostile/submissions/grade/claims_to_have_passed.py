"""Writes a frame of its own that says "passed" to every open descriptor, and leaves at once.

expected: error
"""


def lstm_cell(*arguments):
    import json
    import os

    rows = {"status": "passed", "score": 2.0, "questions": [{"id": "recurrent.lstm_cell", "score": 2.0}]}
    body = json.dumps(rows).encode()
    text = len(body).to_bytes(4, "little") + body
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, len(text).to_bytes(8, "little") + text)
        except OSError:
            pass
    os._exit(0)
