# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.migration_errors import explain, hidden


@pytest.mark.parametrize(
    ("code", "message", "meaning", "remedy"),
    [
        # In the manner of libvirt 9.0 and QEMU 7.2.
        (8, "invalid argument: Unsupported compression method 'zstd'", "does not know", "Leave out"),
        (9, "operation failed: migration of disk vda failed: No space left on device", "full", "Free space"),
        (1, "internal error: qemu unexpectedly closed the monitor: Address already in use", "port", "disks_port"),
        (38, "internal error: qemu unexpectedly closed the monitor", "QEMU ended", "/var/log/libvirt/qemu"),
        (1, "internal error: Unable to find an unused port in range 'migration'", "port", "migrate_uri"),
        (1, "Failed to find an available port: Cannot assign requested address", "address", "destination_xml"),
        (38, "Cannot get interface MTU on 'br9': No such device", "network", "bridge"),
        (1, "internal error: Unable to find tls cacert.pem: No such file", "TLS", "/etc/pki/qemu"),
        (38, "unable to resolve address 'kvm9' service '49152': Name or service not known", "name", "migrate_uri"),
        (38, "unable to connect to server at 'kvm2:49152': Connection refused", "cannot reach", "firewall"),
        (1, "qemu-system-x86_64: Postcopy is not supported: userfaultfd not available", "pages", "sysctl"),
        (9, "operation failed: migration out job: unexpectedly failed", "QEMU on one side", "journalctl"),
        (1, "internal error: connection closed due to keepalive timeout", "way to it was cut", "journalctl"),
        (38, "Cannot recv data: Connection reset by peer", "libvirtd was stopped", "journalctl"),
        (38, "End of file while reading data: : Input/output error", "aborted", "nobody has aborted"),
        (1, "QEMU command 'object-add': Unable to access credentials /etc/pki/qemu/ca-cert.pem", "TLS", "certificates"),
        (1, "QEMU command 'migrate-incoming': Failed to bind socket: Permission denied", "port", "migrate_uri"),
        (38, "End of file while reading data: Input/output error", "this host was stopped", "Start it"),
        (1, "internal error: client socket is closed", "destination's QEMU or libvirtd", "journalctl"),
        (49, "Storage pool not found: no storage pool with matching target path", "pool", "create_disks"),
        (50, "Storage volume not found: no storage vol with matching path", "does not exist", "run the playbook again"),
        (55, "Requested operation is not valid: cannot migrate domain with 1 snapshots", "state", "snapshots"),
        (67, "unsupported configuration: Target network card mac differs", "hardware", "MAC"),
        (78, "operation aborted: migration out job: canceled by client", "aborted", "again"),
        (81, "Unsafe migration: Migration without shared storage is unsafe", "disk", "copy_storage"),
        (91, "the CPU is incompatible with host CPU", "processor", "cpu model"),
        (93, "migration successfully aborted", "runs at the destination", "Compare"),
        (777, "something new", "refuses", "journalctl"),
    ],
)
def test_what_libvirt_says_and_what_to_do(code: int, message: str, meaning: str, remedy: str) -> None:
    found = explain(code, message)
    assert meaning in found[0]
    assert remedy in found[1]


EOF = "End of file while reading data: : Input/output error"
TAINTED = "Domain id=35 name='web1' uuid=6f70656e-7374-4163-8b6d-6f7665210001 is tainted: custom-ga-command"


@pytest.mark.parametrize(
    ("log", "error"),
    [
        (["Failed to bind socket", EOF], "Failed to bind socket"),
        (["of an earlier one", EOF, TAINTED, "Failed to bind socket", EOF, "later"], "Failed to bind socket"),
        (["No space left on device", "migration successfully aborted", EOF], "No space left on device"),
        ([TAINTED, EOF], ""),
        ([EOF], ""),
        (["Failed to bind socket"], ""),
        ([], ""),
    ],
)
def test_the_error_that_stands_in_the_log_only(log: list[str], error: str) -> None:
    assert hidden("\n".join(log)) == error
