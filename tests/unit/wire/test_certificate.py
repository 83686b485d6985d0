import hashlib
from pathlib import Path

import pytest

from tests import certificates
from tests.certificates import Authority
from wire.protocol.certificate import Certificate, node_uri, public_key
from wire.protocol.wire_errors import Refusal, RejectCode


def certificate(*, dns: tuple[str, ...] = (), uris: tuple[str, ...] = ()) -> Certificate:
    return Certificate(dns=frozenset(dns), uris=frozenset(uris), pins=("aa", "bb"))


@pytest.mark.parametrize(
    ("made", "is_named"),
    [
        (certificate(dns=("ann",)), True),
        (certificate(dns=("bob", "ann")), True),
        (certificate(dns=("Ann",)), False),
        (certificate(dns=("*",)), False),
        (certificate(dns=("ann.example",)), False),
        (certificate(uris=("wire://c/ann",)), True),
        (certificate(dns=("ann",), uris=("wire://d/ann",)), False),
        (certificate(dns=("ann",), uris=("wire://c/bob", "wire://d/ann")), False),
        (certificate(dns=("ann",), uris=("wire://d/ann", "wire://c/ann")), True),
        (certificate(dns=("ann",), uris=("spiffe://anything/else",)), True),
        (certificate(), False),
    ],
)
def test_certificate_names_nodes_by_uris_or_else_by_dns(made: Certificate, is_named: bool) -> None:
    assert made.names("ann", "c") is is_named
    if not is_named:
        with pytest.raises(Refusal, match="not for node 'ann' of cluster 'c'") as caught:
            made.judge_node("ann", "c", ())
        assert caught.value.code is RejectCode.CERTIFICATE


@pytest.mark.parametrize(
    ("made", "node", "is_named"),
    [
        (certificate(uris=("wire://c/client%2Fann",)), "client/ann/1", True),
        (certificate(uris=("wire://c/client%2Fann",)), "client/ann/2", True),
        (certificate(uris=("wire://c/client%2Fann",)), "client/bob/1", False),
        (certificate(uris=("wire://c/client%2Fann",)), "client/ann/1/2", False),
        (certificate(uris=("wire://c/client%2Fann",)), "client/ann", False),
        (certificate(uris=("wire://c/client%2Fann",)), "ann", False),
        (certificate(uris=("wire://c/ann",)), "client/ann/1", False),
        (certificate(uris=("wire://c/",)), "ann", False),
        (certificate(dns=("client/ann",)), "client/ann/1", True),
        (certificate(dns=("client/ann/1",)), "client/ann/1", False),
    ],
)
def test_an_id_with_a_slash_is_named_by_what_is_before_it(made: Certificate, node: str, is_named: bool) -> None:
    assert made.names(node, "c") is is_named


def test_a_name_that_an_uri_could_not_hold_is_quoted() -> None:
    assert node_uri("a/b", "c d") == "wire://a%2Fb/c%20d"
    assert node_uri("c", "client/ann/1") == "wire://c/client%2Fann"


def test_one_of_the_pins_must_be_right_where_there_are_any() -> None:
    made = certificate(dns=("ann",))
    for pins in ((), ("aa",), ("bb",), ("zz", "bb")):
        made.judge_node("ann", "c", pins)
    with pytest.raises(Refusal, match="not the one that is pinned"):
        made.judge_node("ann", "c", ("zz",))


def test_names_and_fingerprints_are_those_of_the_certificate(tmp_path: Path) -> None:
    path = Authority(tmp_path).files("ann", uris=["wire://c/ann"]).certificate
    der = certificates.der(path)
    fields = {"subjectAltName": (("DNS", "ann"), ("URI", "wire://c/ann"), ("DirName", (("x", "y"),)))}
    made = Certificate.of(fields, der)
    assert (made.dns, made.uris) == ({"ann"}, {"wire://c/ann"})
    assert made.pins == (hashlib.sha256(der).hexdigest(), hashlib.sha256(certificates.public_key(path)).hexdigest())
    assert public_key(der) == certificates.public_key(path)


def test_public_key_is_found_in_long_and_in_old_certificates(tmp_path: Path) -> None:
    long = Authority(tmp_path).files("ann", uris=[f"wire://c/{number:0100}" for number in range(700)]).certificate
    der = certificates.der(long)
    assert len(der) > 0xFFFF
    assert public_key(der) == certificates.public_key(long)
    # Version 1: no version, then the same fields; all of them short here.
    fields = b"".join(b"\x30\x01" + bytes([number]) for number in range(5)) + b"\x30\x02\x05\x00" + b"\x30\x00"
    tbs = b"\x30" + bytes([len(fields)]) + fields
    assert public_key(b"\x30" + bytes([len(tbs)]) + tbs) == b"\x30\x02\x05\x00"


@pytest.mark.parametrize("fields", [{}, {"subjectAltName": None}, {"subjectAltName": ("DNS",)}])
def test_a_certificate_without_names_names_nobody(fields: dict[str, object], tmp_path: Path) -> None:
    made = Certificate.of(fields, certificates.der(Authority(tmp_path).ca))
    assert (made.dns, made.uris) == (set(), set())
