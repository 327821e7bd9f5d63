"""Messages as bytes: protocol buffers, one message per datagram, no framing."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from submariner_core.observe.nat_discovery import messages_pb2 as pb
from submariner_core.reconcile.nat_messages import Party, Place, Request, Response

VERSION = 1
"""In requests; upstream leaves it out of responses, and nobody looks at it."""
LARGEST = 2048
"""Bytes that a receiver reads of a message."""


class NotAMessage(ValueError):
    """These bytes are no message of NAT discovery."""


def encode(message: Request | Response) -> bytes:
    """The bytes of a message."""
    if isinstance(message, Request):
        request = pb.Request(
            number=message.number,
            sender=_party(message.sender),
            receiver=_party(message.receiver),
            source=_place(message.source),
            destination=_place(message.destination),
        )
        return pb.Message(version=VERSION, request=request).SerializeToString()
    source_address, source_port, destination = message.translated
    response = pb.Response(
        number=message.number,
        verdict=pb.Verdict.Name(message.verdict),
        sender=_party(message.sender),
        receiver=_party(message.receiver),
        source_address_translated=source_address,
        source_port_translated=source_port,
        destination_translated=destination,
        received_from=_place(message.received_from),
    )
    return pb.Message(response=response).SerializeToString()


def decode(data: bytes) -> Request | Response:
    """The message in these bytes. Raises :class:`NotAMessage`; nothing else, whatever they are."""
    message = pb.Message()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise NotAMessage(str(error)) from None
    if message.HasField("request"):
        return _request(message.request)
    if message.HasField("response"):
        return _response(message.response)
    raise NotAMessage("neither a request nor a response")


def _request(found: pb.Request) -> Request:
    return Request(
        number=found.number,
        sender=_read_party(found.sender) if found.HasField("sender") else None,
        receiver=_read_party(found.receiver) if found.HasField("receiver") else None,
        source=_read_place(found.source) if found.HasField("source") else None,
        destination=_read_place(found.destination) if found.HasField("destination") else None,
    )


def _response(found: pb.Response) -> Response:
    return Response(
        number=found.number,
        verdict=int(found.verdict),
        sender=_read_party(found.sender) if found.HasField("sender") else None,
        receiver=_read_party(found.receiver) if found.HasField("receiver") else None,
        received_from=(
            _read_place(found.received_from) if found.HasField("received_from") else None
        ),
        translated=(
            found.source_address_translated,
            found.source_port_translated,
            found.destination_translated,
        ),
    )


def _party(party: Party | None) -> pb.Gateway | None:
    if party is None:
        return None
    return pb.Gateway(cluster_id=party.cluster_id, endpoint_id=party.endpoint_id)


def _place(place: Place | None) -> pb.Place | None:
    return None if place is None else pb.Place(address=place.address, port=place.port)


def _read_party(found: pb.Gateway) -> Party:
    return Party(found.cluster_id, found.endpoint_id)


def _read_place(found: pb.Place) -> Place:
    return Place(found.address, found.port)
