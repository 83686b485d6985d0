"""The sources of settings: a TOML file or the environment, read into the names of Config's fields."""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from elect.config import rules
from elect.errors import ConfigError
from wire.common.log import Log

logger = Log(__name__)

Naming = Callable[[str], str]
"""Returns the spelling of a field of Config in its source."""

PLACES = {
    "node": ("node", "id"),
    "cluster": ("node", "cluster"),
    "listen": ("node", "listen"),
    "advertise": ("node", "advertise"),
    "data_dir": ("node", "data_dir"),
    "priority": ("node", "priority"),
    "metadata": ("node", "metadata"),
    "offset_rule": ("node", "offset_rule"),
    "learner_lag_max": ("node", "learner_lag_max"),
    "seeds": ("join", "seeds"),
    "bootstrap": ("join", "bootstrap"),
    "kind": ("join", "kind"),
    "join_attempts": ("join", "attempts"),
    "join_backoff_max": ("join", "backoff_max"),
    "join_token": ("join", "token"),
    "join_token_file": ("join", "token_file"),
    "join_token_required": ("join", "token_required"),
    "heartbeat_interval": ("timing", "heartbeat_interval"),
    "support_duration": ("timing", "support_duration"),
    "clock_drift": ("timing", "clock_drift"),
    "trust_close": ("timing", "trust_close"),
    "failback": ("timing", "failback"),
    "grace": ("timing", "grace"),
    "http_listen": ("http", "listen"),
    "operator_token": ("http", "operator_token"),
    "clients_listen": ("clients", "listen"),
    "clients_max": ("clients", "max"),
    "client_uids": ("clients", "uids"),
    "clients_may_seal": ("clients", "may_seal"),
    "tls": ("security", "tls"),
    "pins": ("security", "pins"),
    "key_file": ("security", "key_file"),
    "insecure": ("security", "insecure"),
    "mirror_source": ("mirror", "source"),
    "mirror_cluster": ("mirror", "cluster"),
    "mirror_cluster_id": ("mirror", "cluster_id"),
    "mirror_name": ("mirror", "name"),
    "mirror_tls": ("mirror", "tls"),
    "mirror_pins": ("mirror", "pins"),
    "mirror_key_file": ("mirror", "key_file"),
    "mirror_insecure": ("mirror", "insecure"),
}
"""Section and key of each field in a file; the section [peers] is a field of its own."""

SECTIONS = ("node", "peers", "join", "timing", "http", "clients", "security", "mirror")
PATHS = ("data_dir", "key_file", "join_token_file", "mirror_key_file")
LISTS = ("seeds", "mirror_source", "client_uids")
TABLES = ("peers", "metadata", "pins", "tls", "mirror_tls", "mirror_pins")

ADDRESSES = {"join": "seeds", "mirror": "mirror_source"}
"""The field without which a section means nothing: its node would lead at once, against the wish of who wrote it."""

MEMBER_KEYS = frozenset({"token_required"})
"""The keys of those sections that are for members, with or without addresses."""

_SECRET = re.compile(r"key|tok|secret|pass", re.IGNORECASE)
"""The value of an unknown name like these is not shown: it may be a secret."""

FILE_BYTES_MAX = 1024 * 1024
"""The longest file has some 20 kB. A device in its place, or a log, would fill the memory."""

PREFIX = "ELECT_"
FOREIGN_VARIABLES = re.compile(r"ELECT_(?:TOKEN|TERM|ELECTION|REMAINING|LEADER(?:_[A-Z0-9_]+)?)", re.ASCII)
"""Set for a program that `elect call` or `elect exec` starts; not settings."""

_SERVICE_LINK = re.compile(
    r"""ELECT_(?:[A-Z0-9_]+_)?(?:
        (?:SERVICE_HOST|PORT_\d+_(?:TCP|UDP|SCTP)_ADDR)=[0-9A-Fa-f.:]+
        |(?:SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)_PORT)=\d+
        |PORT(?:_\d+_(?:TCP|UDP|SCTP))?=(?:tcp|udp|sctp)://\S+
        |PORT_\d+_(?:TCP|UDP|SCTP)_PROTO=(?:tcp|udp|sctp)
    )""",
    re.ASCII | re.VERBOSE,
)
"""The variables that Kubernetes sets in each pod for a Service named elect or elect-…, as NAME=value.

Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
"""


def place(name: str) -> str:
    """Return the spelling of a field in a file: "[node] id"."""
    section, key = PLACES.get(name, (name, ""))
    return f"[{section}] {key}".rstrip()


def variable(name: str) -> str:
    """Return the spelling of a field in the environment."""
    return PREFIX + name.upper()


def read_file(path: Path) -> dict[str, object]:
    """Return the values in a TOML file.

    Raises:
        ConfigError: the file cannot be read, is not TOML, has an unknown section or key, or a section has no address.
    """
    tables = _parse(path)
    fields = {spelled: name for name, spelled in PLACES.items()}
    values: dict[str, object] = {}
    for section, table in tables.items():
        if section not in SECTIONS:
            known = {name: f"[{name}]" for name in SECTIONS}
            if isinstance(table, dict):
                raise _unknown(f"{path}: [{section}]", section, table, known)
            raise _unknown(f"{path}: {section}", section, table, _spellings("node") | known)
        if not isinstance(table, dict):
            rule = f"a section is needed, with a line [{section}]"
            raise ConfigError(section, _shown(section, table), rule, f"{path}: [{section}]")
        if section == "peers":
            values["peers"] = table
            continue
        for key, value in table.items():
            if (section, key) not in fields:
                raise _unknown(f"{path}: [{section}] {key}", key, value, _spellings(section))
            values[fields[section, key]] = value
        if section in ADDRESSES and not (ADDRESSES[section] in values or table.keys() & MEMBER_KEYS):
            name = ADDRESSES[section]
            rule = f"{rules.ONE_ADDRESS}; or remove [{section}]"
            raise ConfigError(name, None, rule, f"{path}: {place(name)}")
    return values


def _parse(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError("file", str(path), f"cannot be read: {error.strerror}") from None
    except ValueError as error:  # there is a NUL in the path
        raise ConfigError("file", str(path), f"cannot be read: {error}") from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError("file", str(path), f"is no configuration: it has more than {FILE_BYTES_MAX:,} bytes")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        rule = f"is not TOML: it is not encoded in UTF-8 (byte {error.start})"
        raise ConfigError("file", str(path), rule) from None
    except (ValueError, RecursionError) as error:  # the text names line and column
        raise ConfigError("file", str(path), f"is not TOML: {error}") from None


def absolute(values: Mapping[str, object], directory: Path) -> dict[str, object]:
    """Return the values with each relative path joined to a directory. A path of another type is left to its rule."""
    found = {name: _within(directory, values[name]) for name in PATHS if name in values}
    for table in ("tls", "mirror_tls"):
        if isinstance(tls := values.get(table), dict):
            found[table] = {name: _within(directory, path) for name, path in tls.items()}
    return {**values, **found}


def _within(directory: Path, path: object) -> object:
    return str(directory / path) if isinstance(path, str) and path and not path.startswith("~") else path


def read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """Return the values of the variables that begin with `ELECT_`; an empty one counts as missing.

    An unknown variable may be the application's own, so it is only logged, without its value, which may be a secret.

    Raises:
        ConfigError: a variable is not of the form that its field needs.
    """
    names = {variable(name): name for name in (*PLACES, "peers")}
    values: dict[str, object] = {}
    for key, text in environ.items():
        if not text or not key.startswith(PREFIX) or FOREIGN_VARIABLES.fullmatch(key):
            continue
        if key in names:
            values[names[key]] = _read_text(names[key], text)
        elif not _SERVICE_LINK.fullmatch(f"{key}={text}"):
            near = _near(key.removeprefix(PREFIX), {name: spelled for spelled, name in names.items()})
            logger.warning("! %s is not a setting of elect and is ignored%s", key, near and f"; {near}")
    return values


def _read_text(name: str, text: str) -> object:
    if name in (*TABLES, *LISTS) and not text.replace(",", "").strip():
        entry = "at least one pair like a=b is needed" if name in TABLES else "at least one number is needed"
        rule = rules.ONE_ADDRESS if name in ADDRESSES.values() else entry
        raise ConfigError(name, text, f"{rule}; or unset it", variable(name))
    match name:
        case _ if name in TABLES:
            return _read_pairs(name, text)
        case "client_uids":
            return [_read_number(name, each.strip()) for each in text.split(",") if each.strip()]
        case "seeds" | "mirror_source":
            return [seed.strip() for seed in text.split(",") if seed.strip()]
        case "priority" | "join_attempts" | "learner_lag_max" | "clients_max" | "clock_drift":
            return _read_number(name, text)
        case "insecure" | "trust_close" | "bootstrap" | "mirror_insecure" | "clients_may_seal":
            return {"true": True, "false": False, "1": True, "0": False}.get(text.lower(), text)
        case _:
            # A secret of Kubernetes ends with a newline, if its file does. The error about it could not show that.
            return text.strip() if name in ("operator_token", "join_token") else text


def _read_number(name: str, text: str) -> object:
    try:
        return float(text) if name == "clock_drift" else int(text)
    except ValueError:
        return text  # the field's own rule says what is wrong with it


def _read_pairs(name: str, text: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in text.split(",") if item.strip()]
    if not all(equals for _, equals, _ in pairs):
        raise ConfigError(name, text, "pairs like a=b,c=d are needed", variable(name))
    values = {key.strip(): value.strip() for key, _, value in pairs}
    if len(values) < len(pairs):
        raise ConfigError(name, text, "it has a name twice; remove one", variable(name))
    return values


def _spellings(section: str) -> dict[str, str]:
    """Return the place of every key and field name; of two with one name, the key, and that of this section.

    The few nodes that have [mirror] use names of other sections there, which are meant more often.
    """
    others_first = sorted(PLACES, key=lambda name: (PLACES[name][0] == section, PLACES[name][0] != "mirror"))
    fields = {name: place(name) for name in (*PLACES, "peers")}
    return fields | {PLACES[name][1]: place(name) for name in others_first}


def _unknown(source: str, given: str, value: object, known: Mapping[str, str]) -> ConfigError:
    """Return the error for an unknown name, with the nearest known name or all of them.

    Args:
        source: the place of the name.
        given: the name.
        value: its value.
        known: the names that are valid there, each with its spelling.
    """
    hint = _near(given, known) or f"known are {', '.join(dict.fromkeys(known.values()))}"
    return ConfigError(given, _shown(given, value), f"unknown setting; {hint}", source)


def _shown(name: str, value: object) -> object:
    """Return a value without what may be a secret, also within the tables of a section whose name is wrong."""
    if _SECRET.search(name):
        return "***"
    match value:
        case dict():
            return {key: _shown(key, each) for key, each in value.items()}
        case list():
            return [_shown(name, each) for each in value]
        case _:
            return value


def _near(given: str, known: Mapping[str, str]) -> str:
    """Return a question with the nearest known name, upper and lower case ignored; empty if none is near."""
    spelled = {name.lower(): shown for name, shown in known.items()}
    near = difflib.get_close_matches(given.lower(), spelled, n=1)
    return f"did you mean {spelled[near[0]]}?" if near else ""
