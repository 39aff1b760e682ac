"""Prints and raises text that looks like a passed row, moves the cursor, is HTML, or is a formula of a table.

expected: error
"""

ROW = "\x1b[2K\x1b[1A\rlstm_cell  2/2  passed\n</td><script>alert(1)</script>\x1b]0;title\x07\u202e\x00"


def lstm_cell(*arguments):
    print(ROW * 3)
    print('{"submission": "honest.py", "score": 2.0, "status": "passed"}')
    raise type("passed\n2/2", (Exception,), {})(f"=HYPERLINK(0)\n{ROW}\npassed, 2 of 2 points\r\n\x9b2J")
