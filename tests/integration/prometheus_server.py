"""Debian's Prometheus on loopback, with the shipped rules in small: a minute is half a second."""

import json
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import elect.monitoring
from elect.testing.real_processes import free_ports
from tests.nodes import eventually

MONITORING = Path(elect.monitoring.__file__).parent
SCALE = 120
"""Durations of the rules are divided by this."""

SCRAPE_MS = 200

VARIABLES = {"$cluster": "orders", "$instance": ".*", "$__rate_interval": "10m", "$__range": "10m"}
"""The values of the variables of the dashboard. What happened once is in the rates until the end of the test."""

_DURATION = re.compile(r"\b(\d+)([smh])\b")
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000}


def scaled(rules: str) -> str:
    """The rules with short windows and waits; a day stays a day, and the text stays as it is."""

    def shorten(line: str) -> str:
        is_text = not re.match(r"\s+for: ", line) and "[" not in line
        return line if is_text else _DURATION.sub(lambda m: f"{int(m[1]) * _UNITS_MS[m[2]] // SCALE}ms", line)

    return "".join(map(shorten, rules.splitlines(keepends=True)))


class PrometheusServer:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **parameters: str) -> object:
        """Return the data of one answer of the API; an error of a query raises."""
        with urlopen(f"{self._url}/api/v1/{path}?{urlencode(parameters)}", timeout=30) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict]:
        return self.get("query", query=expression)["result"]

    def firing(self) -> set[str]:
        """The names of the alerts that fire."""
        return {each["labels"]["alertname"] for each in self.get("alerts")["alerts"] if each["state"] == "firing"}

    def empty_queries(self) -> list[str]:
        """The queries of the dashboard, and of its variables, that have no result now."""
        dashboard = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
        queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
        assert len(queries) > 20
        empty = [each for each in queries if not self._has_values(each)]
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["definition"]).groups()
                found = self.get(f"label/{label}/values", **{"match[]": filled_in(series)})
                empty += [] if found else [variable["definition"]]
        return empty

    def _has_values(self, expression: str) -> bool:
        return any(each["value"][1] != "NaN" for each in self.query(filled_in(expression)))

    def is_ready(self) -> bool:
        try:
            return bool(self.query("vector(1)"))
        except OSError:
            return False


def filled_in(expression: str) -> str:
    """A query of the dashboard with values for its variables, as Grafana sends it."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


@contextmanager
def prometheus(directory: Path, clusters: Mapping[str, Collection[str]]) -> Iterator[PrometheusServer]:
    """Run Prometheus; it scrapes the addresses of each cluster."""
    directory.mkdir()
    (directory / "alerts.yml").write_text(scaled((MONITORING / "alerts.yml").read_text(encoding="utf-8")))
    interval = f"{SCRAPE_MS}ms"
    config = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [
            {
                "job_name": "elect",
                "static_configs": [
                    {"targets": list(targets), "labels": {"cluster": cluster}} for cluster, targets in clusters.items()
                ],
            }
        ],
    }
    (directory / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    (port,) = free_ports(1)
    call = ["prometheus", f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data"]
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen([*call, f"--web.listen-address=127.0.0.1:{port}"], stderr=log) as process,
    ):
        server = PrometheusServer(port)
        try:
            eventually(server.is_ready)
            yield server
        finally:
            process.terminate()
