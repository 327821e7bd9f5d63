from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OK: _ClassVar[Verdict]
    NAT_DETECTED: _ClassVar[Verdict]
    UNKNOWN_DESTINATION_CLUSTER: _ClassVar[Verdict]
    UNKNOWN_DESTINATION_ENDPOINT: _ClassVar[Verdict]
    MALFORMED: _ClassVar[Verdict]
OK: Verdict
NAT_DETECTED: Verdict
UNKNOWN_DESTINATION_CLUSTER: Verdict
UNKNOWN_DESTINATION_ENDPOINT: Verdict
MALFORMED: Verdict

class Message(_message.Message):
    __slots__ = ("version", "request", "response")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    version: int
    request: Request
    response: Response
    def __init__(self, version: _Optional[int] = ..., request: _Optional[_Union[Request, _Mapping]] = ..., response: _Optional[_Union[Response, _Mapping]] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("number", "sender", "receiver", "source", "destination")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    number: int
    sender: Gateway
    receiver: Gateway
    source: Place
    destination: Place
    def __init__(self, number: _Optional[int] = ..., sender: _Optional[_Union[Gateway, _Mapping]] = ..., receiver: _Optional[_Union[Gateway, _Mapping]] = ..., source: _Optional[_Union[Place, _Mapping]] = ..., destination: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ("number", "verdict", "sender", "receiver", "source_address_translated", "source_port_translated", "destination_translated", "received_from")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    RECEIVER_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ADDRESS_TRANSLATED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PORT_TRANSLATED_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_TRANSLATED_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FROM_FIELD_NUMBER: _ClassVar[int]
    number: int
    verdict: Verdict
    sender: Gateway
    receiver: Gateway
    source_address_translated: bool
    source_port_translated: bool
    destination_translated: bool
    received_from: Place
    def __init__(self, number: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., sender: _Optional[_Union[Gateway, _Mapping]] = ..., receiver: _Optional[_Union[Gateway, _Mapping]] = ..., source_address_translated: _Optional[bool] = ..., source_port_translated: _Optional[bool] = ..., destination_translated: _Optional[bool] = ..., received_from: _Optional[_Union[Place, _Mapping]] = ...) -> None: ...

class Place(_message.Message):
    __slots__ = ("address", "port")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    address: str
    port: int
    def __init__(self, address: _Optional[str] = ..., port: _Optional[int] = ...) -> None: ...

class Gateway(_message.Message):
    __slots__ = ("cluster_id", "endpoint_id")
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    cluster_id: str
    endpoint_id: str
    def __init__(self, cluster_id: _Optional[str] = ..., endpoint_id: _Optional[str] = ...) -> None: ...
