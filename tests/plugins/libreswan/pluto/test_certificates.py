"""Certificates in place of a PSK, in pluto's NSS database."""

from __future__ import annotations

import datetime as dt
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from submariner_libreswan.credentials import Certificate, Credentials

from submariner_core.api.errors import CableError
from tests.plugins import ipsec

pytestmark = [pytest.mark.netns, ipsec.needs_pluto]


class Authority:
    """A CA that writes certificates for gateways."""

    def __init__(self, folder, name="clusterset CA", kind="ecdsa"):
        self.folder = folder
        self.kind = kind
        folder.mkdir(parents=True, exist_ok=True)
        self.key = self._key()
        self.subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "submariner"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
        self.certificate = self._signed(self.subject, self.key, ca=True)
        self._write("ca.pem", self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, address, name=None):
        key = self._key()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name or f"gw {address}")])
        certificate = self._signed(subject, key, address=address)
        return Certificate(
            self._write(f"{address}.pem", certificate.public_bytes(serialization.Encoding.PEM)),
            self._write(
                f"{address}.key",
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ),
            ),
            self.folder / "ca.pem",
        )

    def _key(self):
        if self.kind == "rsa":
            return rsa.generate_private_key(65537, 2048)
        return ec.generate_private_key(ec.SECP256R1())

    def _signed(self, subject, key, *, ca=False, address=None):
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if address:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
            usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(names, critical=False).add_extension(
                x509.ExtendedKeyUsage(usages), critical=False
            )
        return builder.sign(self.key, hashes.SHA256())

    def _write(self, name, octets):
        path = self.folder / name
        path.write_bytes(octets)
        return path


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


async def _start(gateway, certificate, **settings):
    return await gateway.start(credentials=Credentials(certificate=certificate), **settings)


@pytest.mark.kernel
@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
async def test_gateways_prove_themselves_by_certificates_of_one_ca(underlay, tmp_path, kind):
    authority = Authority(tmp_path / "ca", kind=kind)
    east, west = underlay.gateway(1), underlay.gateway(2)
    for one in (east, west):
        await _start(one, authority.issue(one.address))
    there = await east.load(west)
    back = await west.load(east, calls=False, subnets=[("10.2.0.0/16", "10.1.0.0/16")])
    east.route(there)
    west.route(back)
    await east.call(there)
    await east.up(there)
    await west.up(back)
    east.ping("10.1.0.1", "10.2.0.1")
    assert "PSK" not in (east.folder / "secrets").read_text()


@pytest.mark.kernel
async def test_a_certificate_of_another_ca_is_refused_at_both_ends(underlay, authority, tmp_path):
    stranger = Authority(tmp_path / "other", "another CA")
    east, west = underlay.gateway(1), underlay.gateway(2)
    await _start(east, authority.issue(east.address))
    await _start(west, stranger.issue(west.address))
    there = await east.load(west)
    back = await west.load(east, calls=False, subnets=[("10.2.0.0/16", "10.1.0.0/16")])
    await east.call(there)
    state = await east.failed(there, "AUTHENTICATION_FAILED")
    assert state.children == ()
    assert "one CA" in (await west.failed(back, "certificate")).error


async def test_what_was_imported_is_not_imported_again(underlay, authority):
    east = underlay.gateway(1)
    proof = authority.issue(east.address)
    await _start(east, proof)
    east.another()
    await _start(east, proof)
    listed = east.run(["certutil", "-L", "-d", f"sql:{east.folder / 'nss'}"])
    assert listed.count("submariner-ca-") == 1
    assert listed.count("submariner-") == 2


async def test_a_certificate_for_another_address_is_told(underlay, authority):
    east = underlay.gateway(1)
    await _start(east, authority.issue("172.31.0.77"))
    with pytest.raises(CableError, match=r"is not for 172.31.0.1: .*subjectAltName"):
        await east.load("172.31.0.2")


async def test_files_that_do_not_fit_are_named(underlay, authority, tmp_path):
    east = underlay.gateway(1)
    good, other = authority.issue(east.address), authority.issue("172.31.0.2")
    wrong = Certificate(good.certificate, other.private_key, good.ca)
    with pytest.raises(CableError, match="is not the key of"):
        await _start(east, wrong)
    (tmp_path / "junk").write_text("junk")
    with pytest.raises(CableError, match=r"options.libreswan.ca: .*junk is no certificate"):
        await _start(east, Certificate(good.certificate, good.private_key, tmp_path / "junk"))


async def test_after_files_that_did_not_fit_others_are_taken_up(underlay, authority, tmp_path):
    east = underlay.gateway(1)
    good, other = authority.issue(east.address), authority.issue("172.31.0.2")
    with pytest.raises(CableError, match="is not the key of"):
        await _start(east, Certificate(good.certificate, other.private_key, good.ca))
    assert await _start(east, good) is True
    assert await east.states() == {}
