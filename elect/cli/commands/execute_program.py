"""`elect exec`: runs a program only while this node leads."""

import argparse
import os

from elect import Config, Node
from elect.cli.argument_types import add_config, election, load_config, number
from elect.cli.commands.run_node import STOP_MARGIN_S, add_log_level, prepare
from elect.cli.executing.program_runner import ExecutionPlan, ProgramRunner
from elect.cli.executing.supervised_program import Margins, SupervisedProgram
from elect.cli.executing.supervisor import PR_SET_CHILD_SUBREAPER, set_option
from elect.cli.executing.wakeup import Wakeup
from elect.cli.exit_codes import EXEC_EXIT_CODES, JOIN_EXIT_CODES, ExitCode, Failure
from elect.clock import NS_PER_S
from elect.core.state.node_state import DEFAULT_ELECTION
from elect.runtime.service_manager import notify, notify_lifecycle

SECONDS_MAX = 86_400.0
SECONDS = number(float, 0.0, SECONDS_MAX)

VARIABLES_HELP = """variables:
  ELECT_TOKEN, ELECT_TERM  the term, the fencing token: send it with each write
  ELECT_NODE               the id of this node
  ELECT_ELECTION           the name of the election

"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `elect exec`."""
    add_config(parser, is_required=False)
    text = "its name (default: default)"
    parser.add_argument("--election", type=election, default=DEFAULT_ELECTION, metavar="E", help=text)
    text = "send SIGTERM first when leadership is lost and there is time, or SIGKILL alone (default: term)"
    parser.add_argument("--on-lost", choices=("term", "kill"), default="term", help=text)
    text = "seconds from SIGTERM to SIGKILL, at most (default: the grace of the configuration)"
    parser.add_argument("--grace", type=SECONDS, metavar="S", help=text)
    text = "exit with 117 if this node does not lead within these seconds; CMD is not run then"
    parser.add_argument("--try", type=SECONDS, metavar="SECONDS", dest="try_s", help=text)
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--once", action="store_true", help="exit with 118 when leadership is lost; do not wait again")
    text = "run CMD again when it ends, 0.5 to 30 s later, while this node leads; do not exit"
    ends.add_argument("--restart", action="store_true", help=text)
    add_log_level(parser)
    parser.usage = "%(prog)s [options] -- CMD [ARGUMENT ...]"
    parser.description = (
        "Wait until this node leads, and run CMD. When leadership is lost CMD is ended, with all processes that it has"
        " started, before another node can lead; then wait again. When CMD ends, resign and exit with its code."
    )
    parser.epilog = VARIABLES_HELP + JOIN_EXIT_CODES + EXEC_EXIT_CODES


def run(arguments: argparse.Namespace) -> int:
    """Run the program; return its exit code."""
    command: list[str] = arguments.program
    if not any(command[:1]):
        raise Failure("no program: write -- and CMD after the options", ExitCode.USAGE)
    config = load_config(arguments.config)
    plan = _plan(arguments, config, command[0])
    prepare(config.node, arguments.log_level, arguments.log_format)
    node = Node(config)
    set_option(PR_SET_CHILD_SUBREAPER, 1)  # what a supervisor that is killed leaves behind is ended here
    with Wakeup.catching() as wakeup:
        variables = {**os.environ, "ELECT_NODE": config.node, "ELECT_ELECTION": arguments.election}
        program = SupervisedProgram(command, variables, margins=plan.margins, grace_ns=plan.grace_ns)
        try:
            runner = ProgramRunner(node, node.election(arguments.election), program, wakeup, plan)
            node.watch_lifecycle(notify_lifecycle)
            node.start()
            return runner.run()
        finally:
            notify(is_stopping=True)
            program.close()  # first: while a process of it lives, this node has to lead
            node.stop(timeout=config.grace_ns / NS_PER_S + STOP_MARGIN_S)


def _plan(arguments: argparse.Namespace, config: Config, name: str) -> ExecutionPlan:
    grace_s: float | None = arguments.grace
    try_s: float | None = arguments.try_s
    is_terminated: bool = arguments.on_lost == "term"
    return ExecutionPlan(
        name=name,
        is_once=arguments.once,
        is_restarting=arguments.restart,
        is_terminated=is_terminated,
        try_ns=None if try_s is None else int(try_s * NS_PER_S),
        grace_ns=config.grace_ns if grace_s is None else int(grace_s * NS_PER_S),
        margins=Margins.of(config.support_duration_ns, is_terminated=is_terminated),
    )
