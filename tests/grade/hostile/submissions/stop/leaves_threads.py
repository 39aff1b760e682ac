"""Returns, but leaves threads that print and exit handlers that wait; another thread calls sys.exit.

expected: failed
seconds: 3
"""


def lstm_cell(x, h, c, *parameters):
    import atexit
    import sys
    import threading
    import time

    def chatter():
        while True:
            print("still here", flush=True)
            time.sleep(0.01)

    threading.Thread(target=chatter).start()
    threading.Thread(target=sys.exit).start()
    threading.Thread(target=time.sleep, args=(1000,)).start()
    atexit.register(time.sleep, 1000)
    threading._register_atexit(time.sleep, 1000)
    return 0 * h, 0 * c
