"""One line says what, where, the mend; and can be read back."""

import pytest

from neurorack.errors import BadInput


def test_the_line_holds_what_where_and_mend_and_no_line_break():
    assert str(BadInput("a\nb", "there", "do this")) == "a b (there): do this"


@pytest.mark.parametrize(
    "parts", [("no sound (jack)", "engine", "start jackd"), ("too big", "a: b", "cut: it"), ("gone",)]
)
def test_a_line_is_read_back_into_a_line(parts):
    assert str(BadInput.parse(str(BadInput(*parts)))) == str(BadInput(*parts))


def test_the_mend_survives_on_its_own():
    assert BadInput.parse(str(BadInput("no bundle 'x'", "models", "install it: now"))).mend == "install it: now"
