import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from elect.cli import main
from elect.cli.certificate_authority import CertificateAndKey, CertificateAuthority
from wire.protocol.wire_errors import CredentialsError
from wire.security.credentials import TlsFiles
from wire.security.tls import Tls


def files(directory: Path, node: str) -> TlsFiles:
    return TlsFiles(certificate=directory / f"{node}.pem", key=directory / f"{node}.key", ca=directory / "ca.pem")


def certs(directory: Path, *arguments: str, cluster: str = "orders") -> int:
    return main(["certs", "-d", str(directory), "--cluster", cluster, *arguments])


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_each_node_gets_what_it_needs_and_can_use_it(tmp_path, capsys):
    directory = tmp_path / "new" / "certs"
    assert certs(directory, "a", "b", "a") == 0
    assert names(directory) == {"ca.pem", "ca.key", "a.pem", "a.key", "b.pem", "b.key"}
    for node in "ab":
        Tls(files(directory, node), node=node, cluster="orders")
    shown = capsys.readouterr().out
    assert 'tls = { certificate = "a.pem", key = "a.key", ca = "ca.pem" }' in shown
    assert str(directory / "b.key") in shown


def test_a_client_gets_a_certificate_for_all_its_processes(tmp_path, capsys):
    assert certs(tmp_path, "a", "--client", "jobs", "--client", "web", "--client", "jobs") == 0
    made = {f"{stem}.{kind}" for stem in ("ca", "a", "client-jobs", "client-web") for kind in ("pem", "key")}
    assert names(tmp_path) == made
    for instance in ("0123abcd", "89ef0123"):
        Tls(files(tmp_path, "client-jobs"), node=f"client/jobs/{instance}", cluster="orders")
    shown = capsys.readouterr().out
    assert 'Client([…], cluster="orders", name="jobs", tls={"certificate": "client-jobs.pem",' in shown
    assert shown.index("[security]") < shown.index("Client(")


def test_a_mirror_gets_a_certificate_that_is_no_client(tmp_path, capsys):
    assert certs(tmp_path, "--mirror", "east", "--client", "east") == 0
    shown = capsys.readouterr().out
    assert 'Mirror([…], cluster="orders", data_dir=…, name="east", security={"tls": {"certificate": "mirror-e' in shown
    Tls(files(tmp_path, "mirror-east"), node="mirror/east/1", cluster="orders")
    for node in ("client/east/1", "east", "mirror/west/1"):
        with pytest.raises(CredentialsError):
            Tls(files(tmp_path, "mirror-east"), node=node, cluster="orders")


@pytest.mark.parametrize("node", ["jobs", "client", "client-jobs", "client/web/0", "client/jobs/more/0"])
def test_the_certificate_of_a_client_is_for_nobody_else(tmp_path, node):
    assert certs(tmp_path, "--client", "jobs") == 0
    with pytest.raises(CredentialsError, match="not for node"):
        Tls(files(tmp_path, "client-jobs"), node=node, cluster="orders")


def test_a_certificate_is_for_its_node_and_cluster_alone(tmp_path):
    certs(tmp_path, "a")
    for node, cluster in (("b", "orders"), ("a", "invoices")):
        with pytest.raises(CredentialsError, match="not for node"):
            Tls(files(tmp_path, "a"), node=node, cluster=cluster)


def test_secrets_are_for_their_owner_alone(tmp_path, caplog):
    certs(tmp_path / "d", "a")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "d").iterdir()}
    assert modes == {"ca.key": 0o600, "a.key": 0o600, "ca.pem": 0o644, "a.pem": 0o644}
    assert (tmp_path / "d").stat().st_mode & 0o777 == 0o700
    Tls(files(tmp_path / "d", "a"), node="a", cluster="orders")
    assert caplog.text == ""


def test_a_node_that_comes_later_gets_one_of_the_same_authority(tmp_path):
    certs(tmp_path, "a")
    authority = (tmp_path / "ca.pem").read_bytes()
    assert certs(tmp_path, "b") == 0
    assert (tmp_path / "ca.pem").read_bytes() == authority
    Tls(files(tmp_path, "b"), node="b", cluster="orders")


def test_nothing_is_overwritten_and_nothing_is_made_beside_it(tmp_path, capsys):
    certs(tmp_path, "a")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert certs(tmp_path, "b", "a") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert capsys.readouterr().err == f"elect: {tmp_path}/a.pem exists and is not overwritten; move it away first\n"


def test_a_certificate_ends_no_later_than_its_authority(tmp_path):
    certs(tmp_path, "a", "--authority-days", "2", "--days", "1")
    certs(tmp_path, "b", "--days", "100")
    ends = {node: Tls(files(tmp_path, node), node=node, cluster="orders").credentials.tls.ends for node in "ab"}
    assert ends["a"]["ca"] - ends["a"]["own"] == pytest.approx(86_400, abs=60)
    assert ends["b"]["own"] == ends["b"]["ca"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["a/b"], 2, "A-Z a-z 0-9"),
        (["ca"], 1, "authority's files"),
        (["a", "--days", "0"], 2, "'0' is not a number from"),
        (["a", "--days", "nan"], 2, "'nan' is not a number from"),
        (["a", "--days", "a year"], 2, "'a year' is not a number from"),
        ([], 2, "nobody to make a certificate for"),
        (["--client", "a/b"], 2, "A-Z a-z 0-9"),
        (["--client", "x" * 41], 2, "1 to 40"),
        (["client-jobs", "--client", "jobs"], 1, "same files as another"),
    ],
)
def test_bad_usage_is_told_in_one_line_and_makes_nothing(tmp_path, capsys, arguments, code, words):
    try:
        found = certs(tmp_path, *arguments)
    except SystemExit as ended:
        found = ended.code
    assert found == code
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert names(tmp_path) == set()


@pytest.mark.parametrize("broken", ["ca.key", "ca.pem"])
def test_an_authority_that_can_not_be_used_is_told(tmp_path, capsys, broken):
    certs(tmp_path, "a")
    (tmp_path / broken).write_text("nothing")
    assert certs(tmp_path, "b") == 1
    assert "not an authority's certificate and key" in capsys.readouterr().err
    (tmp_path / broken).unlink()
    assert certs(tmp_path, "b") == 1
    assert "No such file" in capsys.readouterr().err
    assert not (tmp_path / "b.key").exists()


def another_key(directory):
    (directory / "ca.key").write_bytes(CertificateAuthority.create("orders", 1).own.key)


def encrypted(directory):
    key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
    kept = serialization.BestAvailableEncryption(b"secret")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept)
    (directory / "ca.key").write_bytes(pem)


def of_a_node(directory):
    for suffix in (".pem", ".key"):
        (directory / f"a{suffix}").replace(directory / f"ca{suffix}")


def over(directory):
    pair = CertificateAuthority.create("orders", 1).own
    key = serialization.load_pem_private_key(pair.key, None)
    now = datetime.now(UTC)
    name = x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=2), now - timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (directory / "ca.key").write_bytes(pair.key)
    (directory / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (another_key, "does not belong to the certificate"),
        (encrypted, "is encrypted"),
        (of_a_node, "not that of an authority"),
        (over, "the certificate expired"),
    ],
)
def test_an_authority_that_is_not_trusted_signs_nothing(tmp_path, capsys, change, why):
    certs(tmp_path, "a")
    change(tmp_path)
    assert certs(tmp_path, "b") == 1
    assert why in capsys.readouterr().err
    assert not (tmp_path / "b.key").exists()


def test_an_authority_that_does_not_name_its_key_is_good(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made by hand")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "ca.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    assert certs(tmp_path, "a") == 0
    Tls(files(tmp_path, "a"), node="a", cluster="orders")


def test_without_the_extra_it_says_what_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "elect.cli.certificate_authority", None)
    assert certs(tmp_path, "a") == 1
    assert capsys.readouterr().err == "elect: certs needs the package cryptography: pip install 'elect[certs]'\n"


def test_a_pair_does_not_show_its_key():
    pair = CertificateAuthority.create("orders", 1).issue("a", "orders", 1)
    assert isinstance(pair, CertificateAndKey)
    assert b"PRIVATE" in pair.key
    assert "PRIVATE" not in repr(pair)
