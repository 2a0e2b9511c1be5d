# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificates by which the QEMUs of a migration encrypt what they send (VIR_MIGRATE_TLS)."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

#: libvirt's configuration of QEMU; not on hosts whose libvirt runs in a container.
QEMU_CONF = Path("/etc/libvirt/qemu.conf")
_PKI = Path("/etc/pki")
# What QEMU does not begin without (qcrypto_tls_creds_x509_load). Whether the source needs one of its own, the
# destination's qemu.conf says.
_NEEDED = {"source": ("ca-cert.pem",), "destination": ("ca-cert.pem", "server-cert.pem", "server-key.pem")}


def folder(qemu_conf: str, pki: Path = _PKI) -> Path:
    """Return where libvirt has QEMU look for them, as virQEMUDriverConfigSetDefaults.

    :param qemu_conf: the text of that file
    """
    given = dict(re.findall(r'^\s*(\w+)\s*=\s*"([^"]*)"', qemu_conf, re.MULTILINE))
    if "migrate_tls_x509_cert_dir" in given:
        return Path(given["migrate_tls_x509_cert_dir"])
    own = pki / "libvirt-migrate"
    return own if own.is_dir() else Path(given.get("default_tls_x509_cert_dir", pki / "qemu"))


def describe(qemu_conf: Path = QEMU_CONF) -> dict[str, object] | None:
    """Return their folder on this host, and the names of the files in it; None where nobody can tell."""
    try:
        path = folder(qemu_conf.read_text("utf-8", "replace"))
        return {"path": str(path), "files": sorted(file.name for file in path.iterdir()) if path.is_dir() else []}
    except OSError:
        return None


def absent(role: str, files: Collection[str]) -> list[str]:
    """Return the files that a host lacks.

    :param role: `source` or `destination` of the migration
    """
    return [name for name in _NEEDED[role] if name not in files]
