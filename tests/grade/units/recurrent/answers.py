"""Right answers to the exercises of the unit, as students write them: whole sources, to be damaged."""

from __future__ import annotations

from . import by_hand_answers, gru_answers, lstm_answers, merging_answers, plain_answers

ANSWERS = (
    *plain_answers.ANSWERS,
    *lstm_answers.ANSWERS,
    *by_hand_answers.ANSWERS,
    *gru_answers.ANSWERS,
    *merging_answers.ANSWERS,
)
