"""Certificates in files: found to fit at the start, read again when they change, watched for their end."""

import logging
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.certificates import BOTH_ROLES, DAY, Authority
from wire.common import log
from wire.link_metrics import WireMetrics
from wire.protocol.wire_errors import CredentialsError
from wire.security import reload
from wire.security.credentials import TlsCredentials, TlsFiles
from wire.security.tls import WARNING_S, Expiry, Tls


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    path.chmod(0o600)
    return path


def encrypted(path: Path) -> Path:
    target = path.with_suffix(".encrypted")
    command = ["openssl", "ec", "-aes128", "-passout", "pass:secret", "-in", str(path), "-out", str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


Broken = Callable[[Authority, TlsFiles, Path], TlsFiles]
BROKEN: dict[str, tuple[Broken, str]] = {
    "no file": (lambda _, files, path: replace(files, key=path / "none.key"), "none.key: No such file"),
    "no PEM": (lambda _, files, path: replace(files, certificate=text(path / "x", "x")), "x, .*key: not a certificate"),
    "no CA": (lambda _, files, path: replace(files, ca=text(path / "x", "x")), "x: no certificate in PEM"),
    "another key": (
        lambda authority, files, _: replace(files, key=authority.files("ann").key),
        "not a certificate and its key.*key values mismatch",
    ),
    "another CA": (
        lambda _, files, path: replace(files, ca=Authority(path / "other").ca),
        "judged by .*ca.pem: unable to get local issuer",
    ),
    "another node": (lambda authority, *_: authority.files("bob"), "not for node 'ann' of cluster 'c'"),
    "another cluster": (lambda authority, *_: authority.files("ann", uris=["wire://d/ann"]), "of cluster 'c'"),
    "expired": (lambda authority, *_: authority.files("ann", ends_s=-1), "certificate has expired"),
    "not yet valid": (lambda authority, *_: authority.files("ann", begins_s=DAY), "not yet valid"),
    "one role": (lambda authority, *_: authority.files("ann", roles=BOTH_ROLES[:1]), "unsuitable certificate purpose"),
    "the other role": (lambda authority, *_: authority.files("ann", roles=BOTH_ROLES[1:]), "unsuitable certificate"),
    "a name that is no text": (lambda authority, *_: authority.files("ann", dns=b"\xff"), "name in it cannot be read"),
    "a pipe": (lambda _, files, path: replace(files, ca=pipe(path / "pipe")), "pipe is not a regular file"),
    "an encrypted key": (lambda _, files, __: replace(files, key=encrypted(files.key)), "unencrypted"),
}


@pytest.mark.parametrize(("broken", "rule"), BROKEN.values(), ids=BROKEN)
def test_files_that_can_not_be_used_are_refused_at_the_start(
    broken: Broken, rule: str, authority: Authority, tmp_path: Path
) -> None:
    with pytest.raises(CredentialsError, match=rule):
        Tls(broken(authority, authority.files("ann"), tmp_path), node="ann", cluster="c")


def test_a_pin_of_this_node_itself_must_be_right(authority: Authority) -> None:
    with pytest.raises(CredentialsError, match="pinned"):
        Tls(authority.files("ann"), node="ann", cluster="c", pins={"ann": ["00" * 32]})


def test_a_pin_may_be_written_as_other_programs_do(authority: Authority) -> None:
    files = authority.files("ann")
    command = ["openssl", "x509", "-in", str(files.certificate), "-noout", "-fingerprint", "-sha256"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().partition("=")[2]
    assert ":" in shown
    Tls(files, node="ann", cluster="c", pins={"ann": [shown]})


@pytest.mark.parametrize("pins", [["ab"], ["\xe9" * 64], "ab" * 32, []], ids=["short", "no hex", "no list", "none"])
def test_what_is_no_pin_is_refused_at_the_start(pins: list[str], authority: Authority) -> None:
    with pytest.raises(CredentialsError, match="pins of node 'bob': one or more SHA-256"):
        Tls(authority.files("ann"), node="ann", cluster="c", pins={"bob": pins})


def test_ends_are_those_of_the_certificate_and_its_authority(tmp_path: Path) -> None:
    ours, other = Authority(tmp_path / "ours", ends_s=7 * DAY), Authority(tmp_path / "other", ends_s=DAY)
    files = ours.files("ann", ends_s=3 * DAY)
    both = text(tmp_path / "both.pem", other.ca.read_text() + ours.ca.read_text())
    credentials = TlsCredentials(replace(files, ca=both), node="ann", cluster="c", pins={})
    assert credentials.ends["own"] == pytest.approx(time.time() + 3 * DAY, abs=60)
    assert credentials.ends["ca"] == pytest.approx(time.time() + 7 * DAY, abs=60)


def test_the_end_of_the_files_in_use_is_a_metric(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "POLL_INTERVAL_S", 0.0)
    monkeypatch.setattr(reload, "RETRY_INTERVAL_S", 0.0)
    files = authority.files("ann", ends_s=3 * DAY)
    tls, metrics = Tls(files, node="ann", cluster="c"), WireMetrics()

    def end(which: str) -> float:
        tls.poll_files(metrics)
        name = "wire_certificate_not_after_timestamp_seconds"
        return metrics.registry.get_sample_value(name, {"certificate": which}) or 0

    assert end("own") == pytest.approx(time.time() + 3 * DAY, abs=60)
    assert end("ca") == pytest.approx(time.time() + 10 * DAY, abs=60)
    fresh = authority.files("ann", ends_s=5 * DAY)
    fresh.certificate.replace(files.certificate)
    assert end("own") == pytest.approx(time.time() + 3 * DAY, abs=60), "half of a pair"
    fresh.key.replace(files.key)
    assert end("own") == pytest.approx(time.time() + 5 * DAY, abs=60)


def test_a_key_that_others_may_read_is_warned_of(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    files = authority.files("ann")
    files.key.chmod(0o644)
    Tls(files, node="ann", cluster="c")
    assert "accessible to other users" in caplog.text


def test_a_certificate_that_ends_soon_is_warned_of_once_a_day(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    expiry, end_s = Expiry(), 1e9
    for before_s, count in (
        (WARNING_S + 1, 0),
        (WARNING_S, 1),
        (WARNING_S - 60, 1),
        (WARNING_S - DAY, 2),
        (WARNING_S - DAY - 60, 2),
        (-1, 3),
    ):
        expiry.warn_if_due("own", end_s, end_s - before_s)
        assert len(caplog.records) == count
        log.forget_held()
    assert "own certificate expires in 14.0 days" in caplog.text
    expiry.warn_if_due("ca", end_s, end_s - DAY)
    assert "ca certificate expires in 1.0 days" in caplog.text


def test_expiry_of_the_authority_is_seen_behind_intermediates(tmp_path: Path) -> None:
    root = Authority(tmp_path / "root", ends_s=7 * DAY)
    between = Authority(tmp_path / "between", ends_s=9 * DAY, signer=root)
    files = between.files("ann", ends_s=8 * DAY)
    files.certificate.write_bytes(files.certificate.read_bytes() + between.ca.read_bytes())
    credentials = TlsCredentials(replace(files, ca=root.ca), node="ann", cluster="c", pins={})
    assert credentials.ends["own"] == pytest.approx(time.time() + 8 * DAY, abs=60)
    assert credentials.ends["ca"] == pytest.approx(time.time() + 7 * DAY, abs=60)
