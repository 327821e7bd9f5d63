"""Why a call failed: charon's log lines in words for people. Pure but for what it remembers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_INITIATING = re.compile(r"^(\S+) is initiating (?:an|a) ")
_RECEIVED = re.compile(r"^received proposals: ([^,]*(?:, (?!configured)[^,]*)*)$")
_CONFIGURED = re.compile(r"^configured proposals: (.*)$")

MEMORY = 1024
"""Calls whose source is remembered."""
_PSK = "is the PSK the same at both ends?"
_PLAIN: Mapping[str, str] = {
    "received AUTHENTICATION_FAILED notify error": (
        f"the other end refuses who this end says it is (AUTHENTICATION_FAILED): {_PSK}"
    ),
    "no shared key found": "charon has no PSK for this peer: it is loaded with the next try",
    "no private key found": "charon has no private key for its certificate",
    "unable to install inbound and outbound IPsec SA (SAD) in kernel": (
        "the kernel refuses the SA: has it ESP, and the cipher? (data_plane: userspace needs none)"
    ),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One log line: which IKE SA it is about, by number and by name of connection."""

    sa: str
    connection: str
    text: str


@dataclass(frozen=True, slots=True)
class Blame:
    """Whose failure a line tells of, by connection and by peer address (either may be empty)."""

    connection: str
    source: str
    reason: str
    proposals: bool = False

    def said(self, offers: str) -> str:
        """For people; ``offers`` is what the other end says it proposes."""
        theirs = f"; it says that it offers {offers}" if self.proposals and offers else ""
        return self.reason + theirs


@dataclass(slots=True)
class _Call:
    source: str = ""
    received: str = ""


@dataclass(slots=True)
class Reasons:
    """Reads log lines; :meth:`read` tells whom one blames for what.

    A call that is refused before charon knows whose it is, is told by the address it came from.
    """

    offers: str = ""
    """What this end proposes, for people."""
    _calls: dict[str, _Call] = field(default_factory=dict)

    def read(self, line: Line) -> Blame | None:
        """What a line tells; ``None`` for most."""
        call = self._calls.setdefault(line.sa, _Call())
        if len(self._calls) > MEMORY:
            self._calls.pop(next(iter(self._calls)))
        if found := _INITIATING.match(line.text):
            call.source = found[1]
            return None
        reason = self._reason(line.text, call)
        if reason is None:
            return None
        return Blame(line.connection, call.source, reason, "that this end offers" in reason)

    def _reason(self, text: str, call: _Call) -> str | None:
        for start, reason in _PLAIN.items():
            if text.startswith(start):
                return reason
        if text.startswith("received") and "NO_PROPOSAL_CHOSEN" in text:
            return (
                "the other end accepts none of the proposals that this end offers "
                f"({self.offers}); set the same ike_proposals and esp_proposals at both"
            )
        for pattern, said in _MATCHED:
            if found := pattern.match(text):
                return said(found)
        if found := _RECEIVED.match(text):
            call.received = found[1]
        elif call.received and (found := _CONFIGURED.match(text)):
            return _mismatch(call.received, found[1])
        return None


def _mismatch(received: str, configured: str) -> str:
    return (
        f"no common proposal: the other end offers {received}; this end accepts {configured}; "
        "set the same ike_proposals and esp_proposals at both"
    )


_MATCHED: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(r"^giving up after (\d+) retransmits"),
        lambda found: f"no answer after {int(found[1]) + 1} tries: is its UDP port open?",
    ),
    (
        re.compile(r"^tried \d+ shared keys? for '.*' - '.*', but MAC mismatched"),
        lambda _: f"the other end's proof does not fit our PSK: {_PSK}",
    ),
    (
        re.compile(r"^received proposals: (.*), configured proposals: (.*)$"),
        lambda found: _mismatch(found[1], found[2]),
    ),
    (
        re.compile(r"^received TS_UNACCEPTABLE"),
        lambda _: (
            "the other end refuses the subnets (TS_UNACCEPTABLE): both must have the same "
            "cluster_cidr and service_cidr of each, in the same order"
        ),
    ),
    (
        re.compile(r"^traffic selectors (.*) unacceptable"),
        lambda found: (
            f"subnets {found[1]} are not among those of this cable: both ends must have the same "
            "cluster_cidr and service_cidr of each"
        ),
    ),
    (
        re.compile(r"^no (?:trusted \S+ public key|issuer certificate) found for (.*)$"),
        lambda found: (
            f"the certificate of {found[1]} is not one that the ca signed: "
            "use certificates of one CA at all gateways, with the private IP in them"
        ),
    ),
)
