"""What a write costs in turns of the interpreter."""

from elect.core.ready import Ballot
from tests.unit.test_store import open_store, reopen


def test_any_number_of_ballots_is_one_statement(tmp_path):
    store, _ = open_store(tmp_path)
    statements: list[str] = []
    store._open_connection().set_trace_callback(statements.append)
    store.write({f"e{number}": Ballot(term=1, voted_for="a") for number in range(100)})
    store.close()
    assert len(set(statements)) == 1, "each one costs a turn of the interpreter"  # its triggers give the same text
    assert len(reopen(tmp_path).ballots) == 100
