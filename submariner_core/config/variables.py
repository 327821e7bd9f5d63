"""Upstream's environment variables that give a setting, in one table."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from submariner_core.api.flags import read_flag


def _text(value: str) -> str:
    return value


def _exactly_true(value: str) -> bool:
    return value == "true"  # upstream takes nothing else for it


def _number(value: str) -> int | None:
    try:
        return int(value) or None  # 0 means "the default", upstream
    except ValueError:
        raise ValueError("must be a whole number") from None


def _unless(default: int) -> Callable[[str], int | None]:
    """Upstream's operator always writes its default; only another value is somebody's choice."""

    def read(value: str) -> int | None:
        number = _number(value)
        return None if number == default else number

    return read


def _list(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


def _url(value: str) -> str:
    return value if "://" in value else f"https://{value}"


def _pem(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("must be the base64 of a PEM bundle") from None


def _secret_folder(value: str) -> str:
    return f"/run/secrets/submariner.io/{value}"


def _psk_file(value: str) -> str:
    return f"/var/run/secrets/submariner.io/{value}/psk"


def _level(value: str) -> str | None:
    return "debug" if read_flag(value) else None


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of upstream's: which setting it gives and how its text is read.

    ``read`` returns ``None`` for "not chosen" and raises ``ValueError`` with what was expected.
    With ``plugin`` the row counts only while that plugin plays the part named in ``loc``.
    """

    name: str
    loc: tuple[str, ...]
    read: Callable[[str], Any] = _text
    plugin: str = ""


_IPSEC = ("libreswan", "wireguard")

VARIABLES: tuple[Variable, ...] = (
    Variable("SUBMARINER_CLUSTERID", ("cluster_id",)),
    Variable("SUBMARINER_CLUSTERCIDR", ("cluster_cidr",), _list),
    Variable("SUBMARINER_SERVICECIDR", ("service_cidr",), _list),
    Variable("SUBMARINER_GLOBALCIDR", ("global_cidr",), _list),
    Variable("SUBMARINER_NATENABLED", ("nat_enabled",), read_flag),
    Variable("SUBMARINER_PUBLICIP", ("public_ip",)),
    Variable("AIR_GAPPED_DEPLOYMENT", ("air_gapped",), _exactly_true),
    Variable("NODE_NAME", ("node_name",)),
    Variable("SUBMARINER_HEALTHCHECKENABLED", ("health_check", "enabled"), read_flag),
    Variable("SUBMARINER_HEALTHCHECKINTERVAL", ("health_check", "interval"), _unless(1)),
    Variable("SUBMARINER_HEALTHCHECKMAXPACKETLOSSCOUNT", ("health_check", "misses"), _unless(5)),
    Variable("SUBMARINER_METRICSPORT", ("metrics", "gateway_port"), _number),
    Variable("SUBMARINER_PROFILEPORT", ("metrics", "route_agent_port"), _number),
    Variable("SUBMARINER_DEBUG", ("log", "level"), _level),
    Variable("LEADERSHIP_LEASEDURATION", ("lease", "duration"), _number),
    Variable("LEADERSHIP_RENEWDEADLINE", ("lease", "renew_deadline"), _number),
    Variable("LEADERSHIP_RETRYPERIOD", ("lease", "retry_period"), _number),
    Variable("SUBMARINER_NAMESPACE", ("options", "datastore", "namespace"), plugin="k8s"),
    Variable("SUBMARINER_NAMESPACE", ("options", "election", "namespace"), plugin="k8s-lease"),
    Variable("BROKER_K8S_APISERVER", ("options", "broker", "url"), _url, "k8s"),
    Variable("BROKER_K8S_REMOTENAMESPACE", ("options", "broker", "namespace"), plugin="k8s"),
    Variable("BROKER_K8S_SECRET", ("options", "broker", "credentials"), _secret_folder, "k8s"),
    Variable("BROKER_K8S_APISERVERTOKEN", ("options", "broker", "token"), plugin="k8s"),
    Variable("BROKER_K8S_CA", ("options", "broker", "ca"), _pem, "k8s"),
    Variable("BROKER_K8S_INSECURE", ("options", "broker", "insecure"), read_flag, "k8s"),
    *(Variable("CE_IPSEC_NATTPORT", ("options", x, "port"), _number, x) for x in _IPSEC),
    *(Variable("CE_IPSEC_PSK", ("options", x, "psk"), plugin=x) for x in _IPSEC),
    *(Variable("CE_IPSEC_PSKSECRET", ("options", x, "psk_file"), _psk_file, x) for x in _IPSEC),
    Variable("CE_IPSEC_NATTPORT", ("options", "vxlan", "port"), _number, "vxlan"),
    Variable("CE_IPSEC_DEBUG", ("options", "libreswan", "debug"), read_flag, "libreswan"),
    Variable(
        "CE_IPSEC_FORCEENCAPS", ("options", "libreswan", "force_encaps"), read_flag, "libreswan"
    ),
    Variable(
        "CE_IPSEC_PREFERREDSERVER",
        ("options", "libreswan", "preferred_server"),
        read_flag,
        "libreswan",
    ),
    Variable("CE_IPSEC_LOGFILE", ("options", "libreswan", "log_file"), plugin="libreswan"),
)
"""Every variable that gives a setting; ``environment`` reads those that choose a plugin or a task.

Upstream's others have no use here: ``SUBMARINER_BROKER``, ``_TOKEN``, ``_COLORCODES`` and
``_VERBOSITY``, ``SUBMARINER_HALT_ON_CERT_ERROR``.
"""
