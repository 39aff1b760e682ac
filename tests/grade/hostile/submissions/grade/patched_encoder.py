"""Replaces what could write the answer (json, struct, os.write, numpy) so that it says "passed, 2 points".

expected: failed, error
"""

import json
import os
import struct


def lstm_cell(x, h, c, *parameters):
    verdict = {"status": "passed", "score": 2.0, "max_score": 2.0, "right": [0, 1]}
    dumps, write, pack = json.dumps, os.write, struct.pack
    json.dumps = lambda content, *rest, **named: dumps(verdict)
    json.JSONEncoder.encode = lambda self, content: dumps(verdict)
    os.write = lambda descriptor, data: write(descriptor, dumps(verdict).encode())
    struct.pack = lambda form, *values: pack(form, *(0 for _ in values))
    return 0 * h, 0 * c
