"""Certificates of the settings in pluto's NSS database, which knows no PEM files."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    load_pem_private_key,
    pkcs12,
)

from submariner_core.api.errors import CableError
from submariner_libreswan import process
from submariner_libreswan.credentials import Certificate
from submariner_libreswan.pluto import files, whack
from submariner_libreswan.pluto.arguments import Proof

_DER = Encoding.DER
_TIMEOUT = 20.0
_PREFIX = "submariner-"


class Database:
    """The NSS database in a folder. ``prefix`` is put before every command."""

    def __init__(self, folder: Path, scratch: Path, prefix: Sequence[str] = ()) -> None:
        self._folder = folder
        self._scratch = scratch
        self._prefix = tuple(prefix)

    async def hold(self, wanted: Certificate) -> Proof:
        """Have a gateway's certificate and key in it, and their CA; by which names.

        Raises :class:`CableError` for what is amiss with them.
        """
        certificate = _certificate(wanted.certificate, "certificate")
        ca = _certificate(wanted.ca, "ca")
        key = _key(wanted.private_key)
        if key.public_key() != certificate.public_key():
            raise CableError(
                f"options.libreswan.private_key: {wanted.private_key} is not the key of "
                f"{wanted.certificate}: put the one beside it that belongs to it"
            )
        nickname = _PREFIX + _fingerprint(certificate)
        authority = f"{_PREFIX}ca-{_fingerprint(ca)}"
        await self.make()
        if not await self._has(authority):
            await self._do("certutil", "-A", "-n", authority, "-t", "CT,,", "-i", str(wanted.ca))
        if not await self._has(nickname):
            await self._import(nickname, key, certificate)
        subject = ", ".join(part.rfc4514_string() for part in ca.subject.rdns)
        return Proof(nickname, subject, isinstance(key, EllipticCurvePrivateKey))

    async def make(self) -> None:
        """An empty database, whole or not at all, where there is none: no pluto starts without.

        Over one that is there, certutil would ask for a password for ever.
        """
        if (self._folder / "cert9.db").exists():
            return
        new = self._folder.with_name(f"{self._folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        await self._do("certutil", "-N", "--empty-password", folder=new)
        shutil.rmtree(self._folder, ignore_errors=True)
        new.rename(self._folder)

    async def _import(
        self,
        nickname: str,
        key: RSAPrivateKey | EllipticCurvePrivateKey,
        certificate: x509.Certificate,
    ) -> None:
        password = secrets.token_hex(16)
        bundle = pkcs12.serialize_key_and_certificates(
            nickname.encode(), key, certificate, None, BestAvailableEncryption(password.encode())
        )
        path = self._scratch / "import.p12"
        word = self._scratch / "import.password"
        try:
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(bundle)
            files.write(word, password)
            await self._do("pk12util", "-i", str(path), "-w", str(word), "-K", "")
        finally:
            path.unlink(missing_ok=True)
            word.unlink(missing_ok=True)

    async def _has(self, nickname: str) -> bool:
        return not (await self._run("certutil", "-L", "-n", nickname)).code

    async def _do(self, name: str, *words: str, folder: Path | None = None) -> None:
        answer = await self._run(name, *words, folder=folder)
        if answer.code:
            raise CableError(
                f"NSS database {self._folder}: {name} failed: {answer.text.strip()[-200:]}"
            )

    async def _run(self, name: str, *words: str, folder: Path | None = None) -> whack.Answer:
        database = f"sql:{folder or self._folder}"
        command = (*self._prefix, process.find(name) or name, "-d", database, *words)
        try:
            return await whack.run(command, _TIMEOUT)
        except TimeoutError:
            raise CableError(f"{database}: {name} did not end in {_TIMEOUT:g} s") from None


def check_name(wanted: Certificate, address: IPv4Address) -> None:
    """Raise :class:`CableError` unless a certificate is for this address, as peers will ask."""
    certificate = _certificate(wanted.certificate, "certificate")
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        found = []
    else:
        found = list(names.get_values_for_type(x509.IPAddress))
    if address not in found:
        raise CableError(
            f"options.libreswan.certificate: {wanted.certificate} is not for {address}: peers "
            "know this gateway by that address, which must be a subjectAltName (IP) in it"
        )


def _certificate(path: Path, option: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CableError(
            f"options.libreswan.{option}: {path} is no certificate ({error}): put a PEM file there"
        ) from None


def _key(path: Path) -> RSAPrivateKey | EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise CableError(
            f"options.libreswan.private_key: {path} is no key ({error}): "
            "put a PEM file without a password there"
        ) from None
    if isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        return key
    raise CableError(
        f"options.libreswan.private_key: {path} is neither RSA nor ECDSA, which is what pluto "
        "proves itself with"
    )


def _fingerprint(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(_DER)).hexdigest()[:16]
