"""The files beside OPERATIONS.md for systemd, Kubernetes and Compose: they agree with themselves and with the code."""

import configparser
import copy
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from elect import Config
from elect.cli import _parser, _split
from elect.cli.exit_codes import JOIN_ERRORS, ExitCode
from elect.clock import NS_PER_S
from elect.web.application import PAGES
from tests.documents import ROOT

UNITS = ROOT / "elect" / "cli" / "units"
SERVICES = sorted(UNITS.glob("*.service"))
GRACE_S = 5
PODS = 3


def parse_command(words: list[str]) -> list[str]:
    """Check a command of elect, and return the program that it runs."""
    name, *arguments = words
    assert name == "elect"
    own, program = _split(arguments)
    _parser(own).parse_args(own)
    return program


def config_of(variables: Mapping[str, str], caplog: pytest.LogCaptureFixture) -> Config:
    """The configuration in these variables, all of which are settings."""
    config = Config.from_env({name: str(value) for name, value in variables.items()})
    assert "is not a setting" not in caplog.text
    assert config.grace_ns == GRACE_S * NS_PER_S
    return config


def test_the_files_are_there():
    assert [path.name for path in SERVICES] == ["elect-exec.service", "elect.service"]
    assert {path.name for path in UNITS.iterdir()} >= {"kubernetes.yaml", "compose.yaml"}


def read_unit(path: Path) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str
    unit.read(path)
    return unit


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_agrees_with_the_command(path):
    service = read_unit(path)["Service"]
    env, *command = service["ExecStart"].split()
    assert env == "/usr/bin/env"
    program = parse_command(command)
    assert service["Type"] == "notify"
    assert int(service["TimeoutStopSec"]) > GRACE_S
    assert int(service["WatchdogSec"]) > 0
    # SIGTERM to the whole group would end the program before `elect exec` has decided how.
    assert service.get("KillMode") == ("mixed" if program else None)


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_is_started_again_and_again(path):
    """A cause that passes by itself, such as an address that is not assigned yet, never ends it for good."""
    unit = read_unit(path)
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_no_exit_code_of_a_program_ends_its_service():
    """Those of a node may: they are its own."""
    node, program = (read_unit(UNITS / name)["Service"] for name in ("elect.service", "elect-exec.service"))
    codes = {int(code) for code in node["RestartPreventExitStatus"].split()}
    assert codes == {ExitCode.USAGE, *JOIN_ERRORS.values()} - {ExitCode.JOIN_GAVE_UP}
    assert "RestartPreventExitStatus" not in program


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_has_the_directories_of_the_settings(path):
    """Those that OPERATIONS.md names, for the votes and for the Unix socket."""
    service = read_unit(path)["Service"]
    settings = (UNITS.parent / "OPERATIONS.md").read_text()
    data_dirs = set(re.findall(r'^data_dir = "([^"]+)"', settings, re.MULTILINE))
    sockets = set(re.findall(r'^listen = "unix:([^"]+)"', settings, re.MULTILINE))
    assert data_dirs == {f"/var/lib/{service['StateDirectory']}"}
    assert {str(Path(socket).parent) for socket in sockets} == {f"/run/{service['RuntimeDirectory']}"}


@pytest.mark.debian
@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_a_service_is_verified_by_systemd(path, tmp_path):
    """And the check can fail."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs the package systemd")
    broken = tmp_path / path.name
    broken.write_text(path.read_text().replace("[Install]", "Nonsense=1\n[Install]"))
    for each, is_good in ((path, True), (broken, False)):
        command = ["systemd-analyze", "verify", str(each)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (said.returncode == 0 and "Nonsense" not in said.stderr) is is_good, said.stderr


def manifest() -> dict[str, dict]:
    return {each["kind"]: each for each in yaml.safe_load_all((UNITS / "kubernetes.yaml").read_text())}


def pod_variables(objects: Mapping[str, dict], pod: str) -> dict[str, str]:
    """The environment of a container, as the kubelet makes it."""
    found: dict[str, str] = {}
    for variable in container(objects)["env"]:
        if "valueFrom" in variable:
            assert variable["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
            found[variable["name"]] = pod
        else:
            value = variable["value"]
            found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found[match[1]], value)
    return found


def container(objects: Mapping[str, dict]) -> dict:
    (only,) = objects["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    return only


def findings(objects: Mapping[str, dict]) -> Iterator[str]:
    """What is wrong with a manifest."""
    stateful, service, budget = objects["StatefulSet"], objects["Service"], objects["PodDisruptionBudget"]
    spec, only = stateful["spec"], container(objects)
    labels = spec["template"]["metadata"]["labels"]
    versions = {"Service": "v1", "StatefulSet": "apps/v1", "PodDisruptionBudget": "policy/v1"}
    ports = {port["name"]: port["containerPort"] for port in only["ports"]}
    variables = pod_variables(objects, f"{stateful['metadata']['name']}-0")
    claims = {claim["metadata"]["name"] for claim in spec["volumeClaimTemplates"]}
    secrets = {volume["name"] for volume in spec["template"]["spec"]["volumes"] if "secret" in volume}
    mounts = {mount["name"]: mount["mountPath"] for mount in only["volumeMounts"]}
    probes = [only[f"{kind}Probe"]["httpGet"] for kind in ("readiness", "liveness")]
    checks = {
        "apiVersion": {kind: each["apiVersion"] for kind, each in objects.items()} == versions,
        "selector": spec["selector"]["matchLabels"]
        == labels
        == service["spec"]["selector"]
        == budget["spec"]["selector"]["matchLabels"],
        "headless": service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"],
        "serviceName": spec["serviceName"] == service["metadata"]["name"],
        "parallel": spec["podManagementPolicy"] == "Parallel",
        "budget": 0 < budget["spec"]["maxUnavailable"] <= (spec["replicas"] - 1) // 2,
        "port": variables["ELECT_LISTEN"].endswith(f":{ports['elect']}")
        and ports["elect"] in [port["port"] for port in service["spec"]["ports"]],
        "http": variables["ELECT_HTTP_LISTEN"].endswith(f":{ports['http']}"),
        "probes": all(probe["path"] in PAGES and probe["port"] in ports for probe in probes),
        "votes": any(variables["ELECT_DATA_DIR"].startswith(f"{mounts.get(name)}/") for name in claims),
        "key": any(variables["ELECT_KEY_FILE"].startswith(f"{mounts.get(name)}/") for name in secrets),
        "grace": spec["template"]["spec"]["terminationGracePeriodSeconds"] > GRACE_S,
    }
    return (name for name, is_good in checks.items() if not is_good)


def test_the_manifest_agrees_with_itself():
    assert list(findings(manifest())) == []


BREAKS: dict[str, Callable[[dict[str, dict]], object]] = {
    "apiVersion": lambda objects: objects["StatefulSet"].update(apiVersion="apps/v1beta1"),
    "selector": lambda objects: objects["Service"]["spec"].update(selector={"app": "other"}),
    "headless": lambda objects: objects["Service"]["spec"].update(publishNotReadyAddresses=False),
    "serviceName": lambda objects: objects["StatefulSet"]["spec"].update(serviceName="other"),
    "parallel": lambda objects: objects["StatefulSet"]["spec"].update(podManagementPolicy="OrderedReady"),
    "budget": lambda objects: objects["PodDisruptionBudget"]["spec"].update(maxUnavailable=2),
    "port": lambda objects: container(objects)["ports"][0].update(containerPort=7000),
    "http": lambda objects: container(objects)["ports"][1].update(containerPort=7000),
    "probes": lambda objects: container(objects)["livenessProbe"]["httpGet"].update(path="/health"),
    "votes": lambda objects: container(objects)["volumeMounts"][0].update(mountPath="/other"),
    "key": lambda objects: container(objects)["volumeMounts"][1].update(mountPath="/other"),
    "grace": lambda objects: objects["StatefulSet"]["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=5),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_manifest_is_noticed(name):
    broken = copy.deepcopy(manifest())
    BREAKS[name](broken)
    assert list(findings(broken)) == [name]


def test_the_variables_of_pods_make_one_cluster(caplog):
    """The id is the name of the pod, and each pod has the same seeds, its own address among them."""
    objects = manifest()
    assert parse_command(container(objects)["command"]) == ["./scheduler"]
    name, replicas = objects["StatefulSet"]["metadata"]["name"], objects["StatefulSet"]["spec"]["replicas"]
    configs = [config_of(pod_variables(objects, f"{name}-{number}"), caplog) for number in range(replicas)]
    assert [config.node for config in configs] == [f"orders-{number}" for number in range(PODS)]
    assert {config.cluster for config in configs} == {"orders"}
    assert all(set(config.seeds) == {config.advertise for config in configs} for config in configs)


def test_the_containers_of_compose_make_one_cluster(caplog):
    composed = yaml.safe_load((UNITS / "compose.yaml").read_text())
    services, volumes = composed["services"], set(composed["volumes"])
    configs = {name: config_of(service["environment"], caplog) for name, service in services.items()}
    assert {name: config.node for name, config in configs.items()} == {name: name for name in "abc"}
    seeds = {config.advertise for config in configs.values()}
    for name, service in services.items():
        config = configs[name]
        assert set(config.seeds) == seeds
        assert parse_command(service["command"]) == ["./scheduler"]
        assert config.advertise == f"{service['hostname']}:{config.listen_address.port}"
        (volume,) = service["volumes"]
        source, _, target = volume.partition(":")
        volumes.remove(source)  # each has its own
        assert str(config.data_dir).startswith(f"{target}/")
        assert [f"/run/secrets/{secret}" for secret in service["secrets"]] == [config.key_file]
        assert set(service["secrets"]) <= set(composed["secrets"])
        asked = re.search(r"http://(127\.0\.0\.1:\d+)(/\w+)", service["healthcheck"]["test"][-1])
        assert asked is not None
        assert asked[1] == config.http_listen
        assert asked[2] in PAGES
        compile(service["healthcheck"]["test"][-1], "healthcheck", "exec")
        assert int(service["stop_grace_period"].removesuffix("s")) > GRACE_S
    assert volumes == set()
