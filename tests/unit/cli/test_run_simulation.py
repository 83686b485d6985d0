import pytest

from elect.cli import main


def test_one_seed_has_one_transcript(capsys):
    shown = []
    for _ in range(2):
        assert main(["simulate", "--seed", "3", "--nodes", "3", "--seconds", "2"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert "no violation" in shown[0]


def test_a_violation_is_exit_code_1(monkeypatch, capsys):
    import elect.cli.commands.run_simulation as command

    def violated(*, seed, nodes, seconds, write):
        write(f"replay: elect simulate --seed {seed}\n")
        return 1

    monkeypatch.setattr(command, "simulate", violated)
    assert main(["simulate", "--seed", "9"]) == 1
    assert capsys.readouterr().out == "replay: elect simulate --seed 9\n"


@pytest.mark.parametrize("seed", ["x", "1.5"])
def test_a_seed_is_a_number(seed):
    with pytest.raises(SystemExit):
        main(["simulate", "--seed", seed])
