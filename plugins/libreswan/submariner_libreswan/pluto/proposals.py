"""Proposals in strongSwan's words, as Libreswan wants to hear them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from submariner_core.api.errors import CableError

_TAGS = {"8": 8, "12": 12, "16": 16, "64": 8, "96": 12, "128": 16}
_AEAD = re.compile(r"^aes(128|192|256)(gcm|ccm)(8|12|16|64|96|128)$")
_BLOCK = re.compile(r"^(aes|camellia)(128|192|256)$")
_COUNTER = re.compile(r"^aes(128|192|256)ctr$")
_PLAIN: Mapping[str, str] = {"aes": "aes128", "3des": "3des", "null": "null"}
_HASHES: Mapping[str, str] = {
    "md5": "md5",
    "sha": "sha1",
    "sha1": "sha1",
    "sha256": "sha2_256",
    "sha2_256": "sha2_256",
    "sha384": "sha2_384",
    "sha2_384": "sha2_384",
    "sha512": "sha2_512",
    "sha2_512": "sha2_512",
    "aesxcbc": "aes_xcbc",
    "aescmac": "aes_cmac",
}
_GROUPS: Mapping[str, str] = {
    "modp1536": "dh5",
    "modp2048": "dh14",
    "modp3072": "dh15",
    "modp4096": "dh16",
    "modp6144": "dh17",
    "modp8192": "dh18",
    "ecp256": "dh19",
    "ecp384": "dh20",
    "ecp521": "dh21",
    "x25519": "dh31",
    "curve25519": "dh31",
    "none": "dh0",
    "modpnone": "dh0",
}
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Offer:
    """The values of ``--ike`` and ``--esp``, empty for pluto's own; ``pfs`` is of ``--esp``."""

    ike: str = ""
    esp: str = ""
    pfs: bool = True


@dataclass(slots=True)
class _Kinds:
    aead: list[str] = field(default_factory=list)
    ciphers: list[str] = field(default_factory=list)
    integrity: list[str] = field(default_factory=list)
    prf: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def offer(ike: Sequence[str], esp: Sequence[str]) -> Offer:
    """What pluto is to offer. Raises :class:`CableError` that names the word it cannot have."""
    children = [_sorted("esp", text) for text in esp if text != _DEFAULT]
    return Offer(
        ",".join(_lines("ike", ike)),
        ",".join(_lines("esp", esp)),
        not children or any(kinds.groups for kinds in children),
    )


def without_groups(esp: Sequence[str]) -> Offer:
    """The same child proposals for a peer that knows no forward secrecy, as upstream's."""
    bare = [
        "-".join(word for word in text.split("-") if word.lower() not in _GROUPS) for text in esp
    ]
    return Offer(esp=",".join(_lines("esp", bare)), pfs=False)


def _lines(protocol: str, proposals: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for text in proposals:
        if text == _DEFAULT:
            continue
        kinds = _sorted(protocol, text)
        render = _ike if protocol == "ike" else _esp
        lines.extend(render(kinds, f"{protocol}_proposals: {text!r}"))
    return lines


def _ike(kinds: _Kinds, owner: str) -> list[str]:
    """Cipher, hash, group: Libreswan takes integrity and PRF from the one hash."""
    prf = kinds.prf or kinds.integrity
    if not prf or not kinds.groups:
        raise CableError(
            f"{owner}: daemon libreswan needs a PRF and a group in it, as in "
            "aes256gcm16-prfsha512-ecp384"
        )
    if kinds.ciphers and kinds.prf and kinds.integrity and kinds.prf != kinds.integrity:
        raise CableError(
            f"{owner}: daemon libreswan takes the PRF from the integrity algorithm: leave the "
            "prf words out, or make them the same"
        )
    return [
        f"{'+'.join(ciphers)}-{'+'.join(prf)}-{'+'.join(kinds.groups)}"
        for ciphers in (kinds.aead, kinds.ciphers)
        if ciphers
    ]


def _esp(kinds: _Kinds, owner: str) -> list[str]:
    if kinds.ciphers and not kinds.integrity:
        raise CableError(f"{owner}: {kinds.ciphers[0]} needs an integrity algorithm beside it")
    lines = []
    groups = f"-{'+'.join(kinds.groups)}" if kinds.groups else ""
    if kinds.aead:
        lines.append(f"{'+'.join(kinds.aead)}-none{groups}")
    if kinds.ciphers:
        lines.append(f"{'+'.join(kinds.ciphers)}-{'+'.join(kinds.integrity)}{groups}")
    return lines


def _sorted(protocol: str, text: str) -> _Kinds:
    """The words of a proposal, by what they are."""
    kinds, owner = _Kinds(), f"{protocol}_proposals: {text!r}"
    for word in text.lower().split("-"):
        cipher, aead = _cipher(word)
        if cipher:
            (kinds.aead if aead else kinds.ciphers).append(cipher)
        elif word in _HASHES:
            kinds.integrity.append(_HASHES[word])
        elif word.startswith("prf") and word[3:] in _HASHES:
            kinds.prf.append(_HASHES[word[3:]])
        elif word in _GROUPS:
            kinds.groups.append(_GROUPS[word])
        elif word == "esn":
            raise CableError(f"{owner}: esn is not offered through daemon libreswan: leave it out")
        elif word != "noesn":
            raise CableError(
                f"{owner}: {word!r} is nothing that Libreswan has: leave it out, or set "
                "options.libreswan.daemon: strongswan"
            )
    if not kinds.aead and not kinds.ciphers:
        raise CableError(f"{owner}: no cipher is in it: put one first, as in aes256gcm16")
    return kinds


def _cipher(word: str) -> tuple[str, bool]:
    """Libreswan's word for a cipher, empty for what is none; whether it proves integrity too."""
    if found := _AEAD.match(word):
        return f"aes_{found[2]}_{_TAGS[found[3]]}_{found[1]}", True
    if word == "chacha20poly1305":
        return "chacha20_poly1305", True
    if found := _BLOCK.match(word):
        return word, False
    if found := _COUNTER.match(word):
        return f"aes_ctr{found[1]}", False
    return _PLAIN.get(word, ""), False
