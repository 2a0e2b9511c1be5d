# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What libvirt's refusals of a live migration mean, and what to do about each."""

from __future__ import annotations

import re

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError


class MigrationError(StackmoveError):
    """A live migration that did not end at the destination."""


# virErrorNumber
_INTERNAL_ERROR = 1
_INVALID_ARG = 8
_OPERATION_FAILED = 9
_SYSTEM_ERROR = 38
_RPC = 39
_NO_DOMAIN = 42
_AUTH_FAILED = 45
_NO_STORAGE_POOL = 49
_NO_STORAGE_VOL = 50
_OPERATION_INVALID = 55
_CONFIG_UNSUPPORTED = 67
_OPERATION_TIMEOUT = 68
_MIGRATE_PERSIST_FAILED = 69
_ARGUMENT_UNSUPPORTED = 74
_OPERATION_ABORTED = 78
_MIGRATE_UNSAFE = 81
_CPU_INCOMPATIBLE = 91
_MIGRATE_FINISH_OK = 93

# What libvirt 9.0 says of any peer-to-peer migration over ssh that failed, when it has closed that connection: what it
# was going to say stands in its log only.
HIDES = "End of file while reading data: : "
# Stands between both, where QEMU had to be told.
_CONSEQUENCE = "migration successfully aborted"

# What a message says is more than its code, which most failures share. First match wins. These parts of messages are
# QEMU's, the C library's and libvirt's own; LC_ALL of libvirtd is that of a service.
_BY_MESSAGE: tuple[tuple[str, str, str], ...] = (
    (
        r"no space left|enospc",
        "The destination's file system is full.",
        "Free space there, or have the disks put elsewhere with destination_xml, then run again.",
    ),
    (
        r"address already in use|failed to bind socket|unable to find an unused port|failed to reserve port",
        "A port that it needs is taken at the destination.",
        "End what listens there (ss -ltnp), or choose others with migrate_uri, disks_port or destination_xml.",
    ),
    (
        r"cannot assign requested address",
        "An address in the guest's definition is not one of the destination's.",
        "Give a destination_xml in which graphics and consoles listen on an address that the destination has.",
    ),
    (
        r"ca-?cert|credentials|certificate|x509|tls handshake|gnutls",
        "The two QEMUs cannot agree on TLS.",
        "Give both hosts certificates of one authority in /etc/pki/qemu; see tls_destination for their names.",
    ),
    (
        r"unable to resolve address|name or service not known|could not resolve",
        "A host does not know the other's name.",
        "Name the destination so that the source resolves it, or give its address in migrate_uri.",
    ),
    (
        r"size.*(differ|mismatch|match)|must be.*same size|larger than|smaller than",
        "A disk at the destination is not as large as at the source.",
        "Remove it there, so that it is made anew, or make it of the same virtual size.",
    ),
    (
        r"bridge|get interface|no such device",
        "A network that the guest is plugged into is absent at the destination.",
        "Make that bridge there, or name another in destination_xml.",
    ),
    (
        r"end of file while reading data: input/output",
        "libvirtd of this host was stopped.",
        "Start it (systemctl start libvirtd), then run again.",
    ),
    (
        HIDES,
        "It was aborted (virsh domjobabort), or the destination's QEMU or libvirtd ended.",
        "See journalctl -u libvirtd and /var/log/libvirt/qemu at the destination; run again if nobody has aborted it.",
    ),
    (
        r"host key verification|permission denied|connection refused|no route to host|connection timed out",
        "The source cannot reach the destination.",
        "Try it on the source as root (virsh -c DESTINATION_URI list): name, firewall, keys of ssh, certificates.",
    ),
    (
        r"userfaultfd|postcopy.*not supported|post-copy is not supported",
        "The destination's kernel does not let QEMU fetch pages afterwards.",
        "Set sysctl vm.unprivileged_userfaultfd=1 there, or leave out post_copy.",
    ),
    (
        r"mirror|nbd|copy-storage|migration of disk",
        "Copying a disk broke off.",
        "See the log of the guest at the destination (/var/log/libvirt/qemu), then run again.",
    ),
    (
        r"unexpectedly closed the monitor",
        "The destination's QEMU ended.",
        "See why in /var/log/libvirt/qemu at the destination, then run again.",
    ),
)
_BY_CODE: dict[int, tuple[str, str]] = {
    _INTERNAL_ERROR: (
        "The destination's QEMU or libvirtd ended, or the way to it was cut.",
        "See journalctl -u libvirtd and /var/log/libvirt/qemu at the destination, then run again.",
    ),
    _OPERATION_FAILED: (
        "QEMU on one side ended, the way between them was cut, or libvirtd was stopped.",
        "See journalctl -u libvirtd and /var/log/libvirt/qemu on both hosts, then run again.",
    ),
    _SYSTEM_ERROR: (
        "A libvirtd was stopped, or its host refused something.",
        "See journalctl -u libvirtd on both hosts, then run again.",
    ),
    _RPC: ("The connection to a libvirtd broke.", "See that libvirtd runs on both hosts, then run again."),
    _NO_DOMAIN: ("The guest was gone while it was being moved.", "See who has ended it: /var/log/libvirt/qemu."),
    _AUTH_FAILED: (
        "The destination does not let the source in.",
        "See its keys or certificates, or its libvirtd.conf.",
    ),
    _NO_STORAGE_POOL: (
        "A disk that is to be copied has neither a file nor a storage pool at the destination.",
        "Leave create_disks at true, or make the file there first; for a server of Nova, run the playbook again.",
    ),
    _NO_STORAGE_VOL: (
        "A disk that is to be copied does not exist at the destination.",
        "Leave create_disks at true, or make the file there first; for a server of Nova, run the playbook again.",
    ),
    _OPERATION_INVALID: (
        "The guest's state does not allow it.",
        "See whether it runs, whether another job works on it (virsh domjobinfo), and whether it has snapshots.",
    ),
    _CONFIG_UNSUPPORTED: (
        "The destination cannot give the guest the hardware that it has now.",
        "Change in destination_xml only what the guest cannot see: neither MAC, addresses, models nor machine type.",
    ),
    _OPERATION_TIMEOUT: ("Another operation holds the guest.", "See virsh domjobinfo on both hosts, then run again."),
    _MIGRATE_PERSIST_FAILED: (
        "The guest runs at the destination, which could not define it.",
        "Define it there (virsh dumpxml, virsh define) before it is switched off.",
    ),
    _INVALID_ARG: (
        "One of the two libvirts does not know an option or its value.",
        "Leave out the option that the message names: zlib and zstd, for instance, need libvirt 9.1.",
    ),
    _ARGUMENT_UNSUPPORTED: (
        "One of the two libvirts is too old for an option.",
        "Leave out the option that the message names.",
    ),
    _OPERATION_ABORTED: (
        "It was aborted by somebody: another run, or virsh domjobabort.",
        "Run again when nothing stands against it.",
    ),
    _MIGRATE_UNSAFE: (
        "libvirt fears for a disk: it is not copied, and on storage that libvirt does not know as shared, or cached.",
        "Copy it (copy_storage), set cache='none', or say with unsafe that both hosts do see the same file.",
    ),
    _CPU_INCOMPATIBLE: (
        "The destination's processor lacks what the guest's has.",
        "Choose a destination with as new a processor, or give guests a cpu model that all hosts have.",
    ),
    _MIGRATE_FINISH_OK: (
        "The guest runs at the destination, and the source was not told.",
        "Compare both hosts (virsh list --all) before anything is started.",
    ),
}
_SEE = "See journalctl -u libvirtd and /var/log/libvirt/qemu on both hosts, then run again."


def hidden(log: str) -> str:
    """Return the error that a libvirtd has logged before the one that hides it; nothing where there is none.

    :param log: what libvirtd has logged since the migration began, without times and names
    """
    lines = [text for text in log.splitlines() if text != _CONSEQUENCE]
    hiding = [number for number, text in enumerate(lines) if HIDES in text]
    before = lines[hiding[-1] - 1] if hiding and hiding[-1] else ""
    return "" if "is tainted" in before else before


def explain(code: int, message: str) -> tuple[str, str]:
    """Return what a refusal means and what to do about it.

    Measured with libvirt 9.0 and QEMU 7.2: most faults are code 1, 9 or 38, so that their message is looked at first.
    """
    if code in (_INTERNAL_ERROR, _OPERATION_FAILED, _SYSTEM_ERROR, _RPC):
        for pattern, meaning, remedy in _BY_MESSAGE:
            if re.search(pattern, message, re.IGNORECASE):
                return meaning, remedy
    return _BY_CODE.get(code, ("libvirt refuses.", _SEE))
