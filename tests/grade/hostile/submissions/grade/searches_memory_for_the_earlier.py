"""Reads every byte of its own memory for what the submission before it was: its text, its answers.

It knows the beginning of each secret and a hash of the whole, so that it does not find its own question. A
third secret is its own: that it finds this one shows that the search works.

expected: error
message: reached ['its own']
"""

import ctypes
import functools
import gc
import hashlib
import os

SECRETS = []  # filled in
OWN_SECRET = ""  # filled in
PAGE, STEP = 2**12, 2**16  # a pipe holds 64 kB


def lstm_cell(*arguments):
    raise RuntimeError(f"reached {sorted(search())}")


@functools.cache
def search():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sbrk.restype = libc.malloc.restype = ctypes.c_void_p
    own = ctypes.create_string_buffer(bytes.fromhex(OWN_SECRET)[::-1])
    drain, probe = os.pipe()

    def memory(address, size):
        """What is there; less or nothing where nothing is mapped, where reading directly would be the end."""
        count = libc.write(probe, ctypes.c_void_p(address), ctypes.c_size_t(size))
        return os.read(drain, count) if count > 0 else b""

    def first_page(address):
        begin = address // PAGE * PAGE
        for size in (STEP, PAGE):
            while len(memory(begin - size, size)) == size:
                begin -= size
        return begin

    starts = [id(thing) for thing in gc.get_objects()]
    starts += [libc.malloc(ctypes.c_size_t(size)) for size in (8, 64, 512, 4096, 100_000, 1_000_000)]
    starts += [ctypes.addressof(own), libc.sbrk(0) - PAGE]
    reached, seen = set(), []
    for start in sorted({start // PAGE * PAGE for start in starts}):
        if any(begin <= start < end for begin, end in seen):
            continue
        begin = end = first_page(start)
        before = b""
        while piece := memory(end, STEP):
            end += len(piece)
            text = before + piece
            for name, head, length, digest in SECRETS:
                found = text.find(bytes.fromhex(head))
                while found >= 0:
                    if hashlib.sha256(text[found : found + length]).hexdigest() == digest:
                        reached.add(name)
                    found = text.find(bytes.fromhex(head), found + 1)
            before = text[-200:]
        seen.append((begin, end))
    return reached
