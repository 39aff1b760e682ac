"""Mistakes typed into the text of right answers, as students make them, and the ids they must get.

They are written without the catalogue, in the words of an answer, so that the catalogue is not only compared
with itself.
"""

from __future__ import annotations

from . import by_hand_typed, gru_typed, lstm_typed, plain_typed

TYPED = (*plain_typed.TYPED, *lstm_typed.TYPED, *by_hand_typed.TYPED, *gru_typed.TYPED)
