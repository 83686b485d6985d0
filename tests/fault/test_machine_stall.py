"""The measure of stalls, by which a siege is told from a machine that stands still."""

import signal
import time

from tests.fault.siege.machine_stall import STALL_S, MachineStall
from tests.nodes import eventually


def test_a_stall_is_measured():
    with MachineStall() as stall:
        stall.ticker.send_signal(signal.SIGSTOP)
        time.sleep(STALL_S)
        stall.ticker.send_signal(signal.SIGCONT)
        eventually(lambda: stall.update() >= STALL_S)
    assert stall.longest_s >= STALL_S


def test_a_short_stall_is_measured_too():
    with MachineStall() as stall:
        eventually(lambda: stall.update() > 0)
