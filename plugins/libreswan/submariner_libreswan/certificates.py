"""A gateway's certificate, looked at before a daemon or a peer stumbles over it."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from submariner_core.api.errors import CableError
from submariner_core.api.naming import IPAddress
from submariner_libreswan.credentials import Certificate


def checked(files: Certificate, private_ip: IPAddress) -> Certificate:
    """The same files, with their digest.

    Raises :class:`CableError` for files that are no PEM or do not fit together, and for a
    certificate that does not name ``private_ip``, by which peers know this gateway.
    """
    texts = {name: _read(files, name) for name in ("certificate", "private_key", "ca")}
    try:
        own = x509.load_pem_x509_certificate(texts["certificate"])
    except ValueError as error:
        raise _amiss(files, "certificate", f"is no certificate in PEM ({error})") from None
    try:
        key = load_pem_private_key(texts["private_key"], None)
    except (ValueError, TypeError):
        raise _amiss(files, "private_key", "is no private key in PEM without a password") from None
    try:
        authorities = x509.load_pem_x509_certificates(texts["ca"])
    except ValueError as error:
        raise _amiss(files, "ca", f"is no certificate in PEM ({error})") from None
    if key.public_key() != own.public_key():
        raise _amiss(files, "private_key", f"is not the key of {files.certificate}")
    named = _addresses(own)
    if private_ip not in named:
        has = f"only {', '.join(map(str, named))}" if named else "no IP address at all"
        raise _amiss(
            files,
            "certificate",
            f"names {has}: make one with subjectAltName IP:{private_ip}, which is this gateway's "
            "private IP",
        )
    if not any(_issued(own, authority) for authority in authorities):
        raise _amiss(
            files,
            "certificate",
            f"was issued by {own.issuer.rfc4514_string()!r}, which {files.ca} is not or has not: "
            "use certificates of one CA at all gateways",
        )
    digest = hashlib.sha256(b"\0".join(texts.values())).hexdigest()[:16]
    return dataclasses.replace(files, digest=digest)


def _read(files: Certificate, name: str) -> bytes:
    path: Path = getattr(files, name)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _amiss(
            files, name, f"cannot be read ({error.strerror}): put a PEM file there"
        ) from None


def _addresses(certificate: x509.Certificate) -> list[IPAddress]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [one for one in names.value.get_values_for_type(x509.IPAddress) if _single(one)]  # type: ignore[misc]


def _single(value: object) -> bool:
    return hasattr(value, "packed")


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _amiss(files: Certificate, name: str, what: str) -> CableError:
    return CableError(f"options.libreswan.{name}: {getattr(files, name)} {what}")
