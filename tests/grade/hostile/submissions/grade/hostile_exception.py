"""Raises an exception whose name, text, traceback and comparison all misbehave.

expected: error
"""


class Meta(type):
    @property
    def __name__(cls):
        raise SystemExit(0)

    def __instancecheck__(cls, other):
        return True


class Hostile(Exception, metaclass=Meta):
    def __str__(self):
        raise KeyboardInterrupt

    __repr__ = __str__

    def __getattribute__(self, name):
        raise GeneratorExit


def lstm_cell(*arguments):
    raise Hostile
