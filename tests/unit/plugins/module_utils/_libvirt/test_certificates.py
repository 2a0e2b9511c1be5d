# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import capabilities, certificates

CONF = """
#migrate_tls_x509_cert_dir = "/etc/pki/libvirt-migrate"
default_tls_x509_cert_dir = "/srv/tls"
"""


def test_where_they_are(tmp_path: Path) -> None:
    assert certificates.folder("", tmp_path) == tmp_path / "qemu"
    assert certificates.folder(CONF, tmp_path) == Path("/srv/tls")
    (tmp_path / "libvirt-migrate").mkdir()
    assert certificates.folder(CONF, tmp_path) == tmp_path / "libvirt-migrate"
    assert certificates.folder(CONF.replace("#", "  "), tmp_path) == Path("/etc/pki/libvirt-migrate")


def test_which_are_there(tmp_path: Path) -> None:
    conf = tmp_path / "qemu.conf"
    assert certificates.describe(conf) is None
    conf.write_text(f'migrate_tls_x509_cert_dir = "{tmp_path}/tls"\n', "utf-8")
    assert certificates.describe(conf) == {"path": f"{tmp_path}/tls", "files": []}
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "ca-cert.pem").touch()
    assert certificates.describe(conf) == {"path": f"{tmp_path}/tls", "files": ["ca-cert.pem"]}


def test_what_cannot_be_read_tells_nothing(tmp_path: Path) -> None:
    conf = tmp_path / "qemu.conf"
    conf.write_bytes(b'# caf\xe9\nmigrate_tls_x509_cert_dir = "/nowhere"\n')
    assert certificates.describe(conf) == {"path": "/nowhere", "files": []}
    conf.unlink()
    conf.mkdir()
    assert certificates.describe(conf) is None


def test_which_are_absent() -> None:
    assert certificates.absent("source", ["ca-cert.pem"]) == []
    assert certificates.absent("destination", ["ca-cert.pem"]) == ["server-cert.pem", "server-key.pem"]


def test_a_version_is_read_as_it_is_written() -> None:
    assert capabilities.version_number(capabilities.version_text(7_002_022)) == 7_002_022
