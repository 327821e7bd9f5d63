"""A certificate for each gateway in place of the PSK: what fits, and what is refused by name."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from submariner_libreswan.certificates import checked
from submariner_libreswan.credentials import Certificate

from submariner_core.api.errors import CableError

NOW = dt.datetime.now(dt.UTC)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """Signs certificates of gateways; its files are in ``folder``."""

    def __init__(self, folder, name):
        self.folder = folder / name
        self.folder.mkdir()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(_name(name), self.key, authority=True)
        self.path = self.folder / "ca.pem"
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def _sign(self, subject, key, *, authority=False, address=None):
        issuer = subject if authority else self.certificate.subject
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(days=1))
            .not_valid_after(NOW + dt.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, address=None):
        """Options for a gateway whose certificate names an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.folder / f"{name}.pem"
        certificate.write_bytes(
            self._sign(_name(name), key, address=address).public_bytes(Encoding.PEM)
        )
        private = self.folder / f"{name}.key"
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return {"certificate": certificate, "private_key": private, "ca": self.path}


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


def _checked(files, address="172.31.0.1"):
    return checked(Certificate(**files), ipaddress.ip_address(address))


def test_a_certificate_that_fits_is_told_from_another_by_its_content(authority):
    files = authority.issue("east", "172.31.0.1")
    first = _checked(files)
    assert _checked(files) == first
    shutil.copy(authority.issue("again", "172.31.0.1")["certificate"], files["certificate"])
    shutil.copy(authority.folder / "again.key", files["private_key"])
    assert _checked(files) != first


@pytest.mark.parametrize(
    ("address", "words"),
    [(None, "names no IP address at all"), ("192.0.2.1", "names only 192.0.2.1")],
)
def test_a_certificate_without_the_gateways_address_is_named(authority, address, words):
    files = authority.issue("east", address)
    with pytest.raises(CableError, match=rf"east.pem {words}.*subjectAltName IP:172.31.0.1"):
        _checked(files)


def test_a_certificate_of_another_authority_is_named(authority, tmp_path):
    files = authority.issue("east", "172.31.0.1") | {"ca": Authority(tmp_path, "other").path}
    with pytest.raises(CableError, match=r"issued by 'CN=authority'.*other.*one CA"):
        _checked(files)


def test_a_key_of_another_certificate_is_named(authority):
    files = authority.issue("east", "172.31.0.1")
    files["private_key"] = authority.issue("west", "172.31.0.2")["private_key"]
    with pytest.raises(CableError, match=r"private_key: .*west.key is not the key of .*east.pem"):
        _checked(files)


@pytest.mark.parametrize("name", ["certificate", "private_key", "ca"])
def test_files_that_cannot_be_used_are_named(authority, tmp_path, name):
    files = authority.issue("east", "172.31.0.1")
    with pytest.raises(CableError, match=rf"options.libreswan.{name}: .*none.pem cannot be read"):
        _checked(files | {name: tmp_path / "none.pem"})
    (tmp_path / "odd.pem").write_text("no PEM, but a secret")
    with pytest.raises(CableError, match=rf"options.libreswan.{name}: .*odd.pem is no") as caught:
        _checked(files | {name: tmp_path / "odd.pem"})
    assert "secret" not in str(caught.value)


@pytest.mark.netns
async def test_gateways_prove_themselves_with_certificates(underlay, authority):
    east = underlay.gateway("east", "172.31.0.1", **authority.issue("east", "172.31.0.1"))
    west = underlay.gateway("west", "172.31.0.2", **authority.issue("west", "172.31.0.2"))
    await underlay.join(east, west)
    async with east.kept(), west.kept():
        await east.connected(west.endpoint)
        await west.connected(east.endpoint)
        east.ping(west.pods[0], 2)


@pytest.mark.netns
async def test_a_server_with_several_subnets_proves_itself_with_its_certificate(
    underlay, authority
):
    files = authority.issue("east", "172.31.0.1")
    east = underlay.gateway(
        "east", "172.31.0.1", "10.101.0.0/16", "10.1.0.0/16", preferred_server=True, **files
    )
    west = underlay.gateway("west", "172.31.0.2", **authority.issue("west", "172.31.0.2"))
    await underlay.join(east, west)
    async with east.kept(), west.kept():
        assert "2 child SAs" in (await east.connected(west.endpoint)).message
        assert "2 child SAs" in (await west.connected(east.endpoint)).message
        west.ping(east.pods[0])
        west.ping(east.pods[1])


@pytest.mark.netns
async def test_a_peer_with_a_certificate_of_another_authority_is_refused_by_name(
    underlay, authority, tmp_path
):
    other = Authority(tmp_path, "other")
    east = underlay.gateway("east", "172.31.0.1", **authority.issue("east", "172.31.0.1"))
    west = underlay.gateway("west", "172.31.0.2", **other.issue("west", "172.31.0.2"))
    north = underlay.gateway("north", "172.31.0.3", **authority.issue("north", "172.31.0.3"))
    for one in (east, west, north):
        await one.open()
    for one in (west, north):
        await one.connect(east.endpoint)
        await east.connect(one.endpoint)
    async with east.kept(), west.kept(), north.kept():
        await west.failed(east.endpoint, "172.31.0.1")
        state = await west.state(east.endpoint)
        assert "certificates of one CA" in state.message
        await east.failed(west.endpoint, "refuses who this end says it is")
        await east.connected(north.endpoint)
