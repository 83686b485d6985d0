"""Tokens that let one node join, once, until they expire."""

import pytest

from elect.config.rules import check_secret
from elect.joining import join_token
from elect.joining.join_token import JoinTokens, TokenBearer, make_token

SECRET = "the token of the operators"
NOW_S = 1_800_000_000.0
NONCE = b"n" * 16
BEARER = TokenBearer("d", b"s" * 16)
OTHER = TokenBearer("d", b"x" * 16)


def token(**changes: object) -> str:
    given = {"secret": SECRET, "cluster": "t", "node_id": "d", "expires_s": int(NOW_S) + 60, "nonce": NONCE} | changes
    return make_token(given.pop("secret"), **given)  # type: ignore[arg-type]


class Judge:
    def __init__(self) -> None:
        self.now_s = NOW_S
        self.tokens = JoinTokens(SECRET, "t", lambda: self.now_s)


def test_a_token_lets_its_node_join_until_it_expires():
    judge = Judge()
    assert judge.tokens.fault(token(), BEARER) is None
    judge.now_s += 59.9
    assert judge.tokens.fault(token(), BEARER) is None
    judge.now_s += 3.1
    assert judge.tokens.fault(token(), BEARER) == "the join token expired 3 s ago"


def test_a_token_can_be_a_setting():
    assert len(token()) == 75
    check_secret("join_token", token())


@pytest.mark.parametrize(
    "changes", [{"secret": "another secret of operators"}, {"cluster": "other"}, {"node_id": "e"}, {"node_id": "td"}]
)
def test_a_token_for_something_else_is_refused(changes: dict[str, object]):
    text = "the join token was not made for node d of cluster t with the operator_token of this leader"
    assert Judge().tokens.fault(token(**changes), BEARER) == text


def test_every_changed_character_is_noticed():
    made = token()
    for place, character in enumerate(made[:-1]):  # the last one has bits that say nothing
        forged = made[:place] + ("A" if character != "A" else "B") + made[place + 1 :]
        assert Judge().tokens.fault(forged, BEARER) is not None
    for forged in (made[:-4], made + "AAAA", "é" * 75, "a", "=" * 75, "x" * 500):
        assert Judge().tokens.fault(forged, BEARER) is not None


def test_a_missing_token_is_named():
    assert Judge().tokens.fault("", BEARER) == "this cluster demands a join token"


def test_names_run_into_each_other_nowhere():
    assert token(cluster="ab", node_id="c") != token(cluster="a", node_id="bc")


def test_a_used_token_is_for_the_same_store_only():
    judge = Judge()
    judge.tokens.use(token(), BEARER)
    assert judge.tokens.fault(token(), BEARER) is None
    assert judge.tokens.fault(token(), OTHER) == "the join token was used for another store of node d"
    assert judge.tokens.fault(token(nonce=b"m" * 16), OTHER) is None


def test_tokens_that_expired_are_forgotten_and_few_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(join_token, "USED_MAX", 2)
    judge = Judge()
    made = [token(nonce=bytes([number]) * 16, expires_s=int(NOW_S) + 10 + number) for number in range(4)]
    for each in made[:3]:
        judge.tokens.use(each, BEARER)
    assert [judge.tokens.fault(each, OTHER) is None for each in made] == [True, False, False, True]
    judge.now_s += 11.5
    judge.tokens.use(made[3], BEARER)
    assert len(judge.tokens._used) == 2
    judge.tokens.use("no token", BEARER)
    assert len(judge.tokens._used) == 2
