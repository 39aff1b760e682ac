"""The exercises of the unit on recurrent networks, in the order of its page."""

from __future__ import annotations

from coursekit.grade.exercises import (
    recurrent_by_hand,
    recurrent_gru,
    recurrent_lstm,
    recurrent_merging,
    recurrent_plain,
)

EXERCISES = (
    *recurrent_plain.EXERCISES,
    *recurrent_lstm.EXERCISES,
    *recurrent_by_hand.EXERCISES,
    *recurrent_gru.EXERCISES,
    *recurrent_merging.EXERCISES,
)
