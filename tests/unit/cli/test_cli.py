import os
import runpy
import subprocess
import sys
from importlib import metadata

import pytest

import elect as elect_package
from elect.cli import COMMANDS, main

NODE = "127.0.0.1:1"


def elect(*arguments, **options):
    command = [sys.executable, "-m", "elect.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


def test_help_lists_every_command_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"    {name} " in shown for name in COMMANDS)
    assert "exit codes:" in shown


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "run"])
def test_every_command_has_help_with_exit_codes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "exit codes:" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"elect {elect_package.__version__}\n"


def test_the_version_is_the_installed_one(monkeypatch):
    """One that is not installed says so, instead of failing."""
    assert elect_package.__version__ == metadata.version("elect")
    monkeypatch.setattr(metadata, "version", lambda name: (_ for _ in ()).throw(metadata.PackageNotFoundError(name)))
    assert runpy.run_path(elect_package.__file__)["__version__"] == "(not installed)"


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["check"], ["status"], ["demo", "--nodes", "2"], ["demo", "--rounds", "x"], ["pause", "nowhere"],
     ["simulate", "--seconds", "0"], ["simulate", "--nodes", "99"], ["transfer", "127.0.0.1:1"]],
)  # fmt: skip
def test_bad_usage_is_one_line_and_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert shown.err.startswith("elect: ")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "\udcff"])
@pytest.mark.parametrize(
    "arguments",
    [["exec", "--election={}", "--", "true"], ["run", "--election={}"], ["status", NODE, "--election={}"],
     ["resign", NODE, "--election={}"], ["resign", NODE, "--to={}"], ["transfer", NODE, "{}"],
     ["members", "remove", NODE, "{}"], ["members", "add", NODE, "d", "--address={}"]],
)  # fmt: skip
def test_impossible_name_is_refused_before_anything_is_done(arguments, name, capsys):
    """The one line has no character that a terminal acts on. No node is asked, and none is started."""
    test_bad_usage_is_one_line_and_exit_code_2([argument.format(name) for argument in arguments], capsys)


def test_unknown_home_is_one_line_and_exit_code_2(capsys):
    assert main(["members", "recover", "--data-dir", "~nobody-here/x", "--voters", "a"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_bad_address_is_told_with_what_it_needs(capsys):
    """The address of a node is read as one of the configuration is."""
    with pytest.raises(SystemExit) as ended:
        main(["status", "10.0.0.1"])
    assert ended.value.code == 2
    assert "'10.0.0.1' is not host:port, as in" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["run", "check"])
@pytest.mark.parametrize(
    ("more", "place"),
    [
        ('[join]\nseeds = ["127.0.0.1:2"]\ntoken_file = "bad"\n', "[join] token_file"),
        ('[security]\nkey_file = "bad"\n', "[security] key_file"),
    ],
)
def test_a_bad_file_of_a_secret_is_named_by_its_setting(tmp_path, command, more, place):
    """As an error in the file of the node is, and before anything is made."""
    (tmp_path / "bad").write_text("two words\n")
    (tmp_path / "bad").chmod(0o600)
    path = tmp_path / "d.toml"
    path.write_text(f'[node]\nid = "d"\ncluster = "c"\nlisten = "127.0.0.1:0"\ndata_dir = "data"\n{more}')
    ended = elect(command, "-c", str(path))
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert ended.stderr.startswith(f"elect: {path}: {place} is '{tmp_path / 'bad'}': ")
    assert not (tmp_path / "data").exists()


def test_a_bad_configuration_is_one_line_and_exit_code_2(tmp_path, capsys):
    path = tmp_path / "node.toml"
    path.write_text('[node]\nid = "a b"\ncluster = "x"\nlisten = "127.0.0.1:0"\ndata_dir = "d"\n')
    for arguments in (["check", "-c", str(path)], ["check", "-c", str(tmp_path / "missing.toml")]):
        assert main(arguments) == 2
        shown = capsys.readouterr()
        assert shown.err.startswith("elect: ")
        assert shown.err.count("\n") == 1


def test_nobody_answers_is_one_line_and_exit_code_1(capsys):
    assert main(["pause", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err == "elect: 127.0.0.1:1 does not answer: connection refused\n"


def test_a_reader_that_has_gone_is_no_error():
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-m", "elect.cli", "simulate", "--seconds", "5"]
        ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_an_output_that_cannot_show_a_sign_is_no_error(tmp_path):
    path = tmp_path / "kn\u00f6ten.toml"
    path.write_text('[node]\nid = "a"\ncluster = "x"\nlisten = "127.0.0.1:0"\ndata_dir = "d"\n')
    ended = elect("check", "-c", str(path), env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "kn?ten.toml: good" in ended.stdout


def test_a_command_imports_no_other():
    program = "import sys, elect.cli; elect.cli.main(['pause', '127.0.0.1:1']); print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert not {"elect.cli.commands.run_node", "elect.cli.demo", "elect.testing", "elect.web"} & set(
        ended.stdout.split()
    )
