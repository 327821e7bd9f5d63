"""``Gateway.status`` and ``RouteAgent.status``, from JSON and back."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from submariner_core.api.codec_annotations import Annotations, write_gateway_notes
from submariner_core.api.codec_fields import Fields
from submariner_core.api.codec_spec import read_endpoint, write_endpoint
from submariner_core.api.durations import format_duration
from submariner_core.api.model import (
    Connection,
    ConnectionStatus,
    Gateway,
    HAStatus,
    LatencyRTT,
    RemoteStatus,
    RouteAgent,
)

_Status = TypeVar("_Status", bound=StrEnum)


def read_gateway(fields: Fields, notes: Annotations) -> Gateway:
    """A Gateway from its ``status`` and our annotations."""
    return Gateway(
        version=fields.text("version"),
        ha_status=_status(fields, "haStatus", HAStatus),
        local_endpoint=read_endpoint(fields.nested("localEndpoint")),
        status_failure=fields.text("statusFailure"),
        connections=tuple(_read_connection(item) for item in fields.each("connections")),
        slot=notes.slot() or 0,
        ready=notes.ready(),
        draining=notes.draining(),
        epoch=notes.epoch(),
        transitions=notes.transitions(),
        extra=fields.rest(),
    )


def write_gateway(gateway: Gateway) -> tuple[dict[str, object], dict[str, str]]:
    """A Gateway's ``status`` and annotations."""
    status: dict[str, object] = {
        **gateway.extra,
        "version": gateway.version,
        "haStatus": gateway.ha_status.value,
        "localEndpoint": write_endpoint(gateway.local_endpoint),
        "statusFailure": gateway.status_failure,
        "connections": [_write_connection(item) for item in gateway.connections],
    }
    return status, write_gateway_notes(gateway)


def read_route_agent(fields: Fields, notes: Annotations) -> RouteAgent:
    """A RouteAgent from its ``status`` and our annotations, of which the address is required."""
    return RouteAgent(
        version=fields.text("version"),
        address=notes.address(),
        status_failure=fields.text("statusFailure"),
        remote_endpoints=tuple(_read_remote(item) for item in fields.each("remoteEndpoints")),
        carries=notes.carries(),
        transitions=notes.transitions(),
        extra=fields.rest(),
    )


def write_route_agent(agent: RouteAgent) -> dict[str, object]:
    """A RouteAgent's ``status``."""
    return {
        **agent.extra,
        "version": agent.version,
        "statusFailure": agent.status_failure,
        "remoteEndpoints": [_write_remote(item) for item in agent.remote_endpoints],
    }


def _read_connection(fields: Fields) -> Connection:
    return Connection(
        status=_status(fields, "status", ConnectionStatus),
        status_message=fields.text("statusMessage"),
        endpoint=read_endpoint(fields.nested("endpoint")),
        using_ip=fields.address("usingIP"),
        using_nat=fields.flag("usingNAT", default=False),
        latency=_read_latency(fields),
        extra=fields.rest(),
    )


def _write_connection(connection: Connection) -> dict[str, object]:
    written: dict[str, object] = {
        **connection.extra,
        "status": connection.status.value,
        "statusMessage": connection.status_message,
        "endpoint": write_endpoint(connection.endpoint),
    }
    if connection.using_ip is not None:
        written["usingIP"] = str(connection.using_ip)
    if connection.using_nat:
        written["usingNAT"] = True
    if connection.latency is not None:
        written["latencyRTT"] = _write_latency(connection.latency)
    return written


def _read_remote(fields: Fields) -> RemoteStatus:
    return RemoteStatus(
        status=_status(fields, "status", ConnectionStatus),
        status_message=fields.text("statusMessage"),
        endpoint=read_endpoint(fields.nested("spec")),
        latency=_read_latency(fields),
    )


def _write_remote(remote: RemoteStatus) -> dict[str, object]:
    written: dict[str, object] = {
        "status": remote.status.value,
        "statusMessage": remote.status_message,
        "spec": write_endpoint(remote.endpoint),
    }
    if remote.latency is not None:
        written["latencyRTT"] = _write_latency(remote.latency)
    return written


def _read_latency(fields: Fields) -> LatencyRTT | None:
    latency = fields.optional_nested("latencyRTT")
    if latency is None:
        return None
    return LatencyRTT(
        last=latency.duration("last"),
        min=latency.duration("min"),
        average=latency.duration("average"),
        max=latency.duration("max"),
        std_dev=latency.duration("stdDev"),
    )


def _write_latency(latency: LatencyRTT) -> dict[str, str]:
    return {
        "last": format_duration(latency.last),
        "min": format_duration(latency.min),
        "average": format_duration(latency.average),
        "max": format_duration(latency.max),
        "stdDev": format_duration(latency.std_dev),
    }


def _status(fields: Fields, name: str, among: type[_Status]) -> _Status:
    value = fields.text(name)
    try:
        return among(value)
    except ValueError:
        raise fields.malformed(name, f"{value[:80]!r} is none of {', '.join(among)}") from None
