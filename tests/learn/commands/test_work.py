"""The work folder belongs to one training at a time."""

import pytest

from neurorack.errors import BadInput
from neurorack.learn.commands.work import Work


def test_a_second_training_in_the_same_place_is_refused_until_the_first_has_ended(tmp_path):
    first, second = Work(tmp_path / "mine"), Work(tmp_path / "mine")
    with first.held(), pytest.raises(BadInput, match="another training is at work here"), second.held():
        pass
    with second.held():
        pass
