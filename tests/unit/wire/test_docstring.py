import doctest

import wire


def test_the_example_of_two_ends_runs() -> None:
    assert doctest.testmod(wire).attempted > 10
    assert doctest.testmod(wire).failed == 0


def test_the_docstring_names_every_field_of_the_handshake() -> None:
    from dataclasses import fields

    from wire.handshake import Hello, Proof, Reject, Welcome

    text = " ".join((wire.__doc__ or "").split())
    for kind in (Hello, Welcome, Reject, Proof):
        names = ", ".join(field.name for field in fields(kind))
        assert f'["{kind.__name__.lower()}", {names}]' in text
