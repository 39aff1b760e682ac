"""Makes system calls as 32-bit programs do, whose numbers a filter may forget.

expected: error
message: SIGSYS
needs: reduced
machine: x86_64
"""


def lstm_cell(*arguments):
    import ctypes
    import mmap

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(ctypes.c_long(0x40000000 | 41), 1, 1, 0) >= 0:
        raise RuntimeError("made a socket by the x32 convention")
    code = b"\x53\xb8\x02\x00\x00\x00\xcd\x80\x5b\xc3"  # push rbx; mov eax, 2 (fork); int 0x80; pop rbx; ret
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    raise RuntimeError(f"fork answered {ctypes.CFUNCTYPE(ctypes.c_int)(address)()}")
