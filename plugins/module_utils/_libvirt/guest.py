# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One guest of this host, found by its uuid: its power and its definition.

Always by uuid: Nova names a domain after its row's id, which differs from cell to cell, so that two cells
have domains of the same name.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._errors import (
    NotFoundError,
    StackmoveError,
    UnsupportedError,
)
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import domain_info
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt.connection import refused, translated

if TYPE_CHECKING:
    import libvirt

# virDomainState
_STATES = (
    "nostate",
    "running",
    "blocked",
    "paused",
    "shutdown",
    "shutoff",
    "crashed",
    "pmsuspended",
)
#: virDomainShutoffReason, in the words of ``virsh domstate --reason``.
OFF_REASONS = (
    "unknown",
    "shutdown",
    "destroyed",
    "crashed",
    "migrated",
    "saved",
    "failed",
    "from snapshot",
    "daemon",
)
_POLL_S = 0.2


class Guest:
    """A guest that may or may not be defined.

    :param connection: an open connection
    :param uuid: the server's uuid, which is its domain's too
    """

    def __init__(self, connection: libvirt.virConnect, uuid: str) -> None:
        self._connection = connection
        self.uuid = uuid

    def find(self) -> libvirt.virDomain | None:
        """Return the domain, or None when it is not defined here."""
        import libvirt

        try:
            return self._connection.lookupByUUIDString(self.uuid)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                return None
            raise refused(f"look for guest {self.uuid}", error) from error

    def require(self) -> libvirt.virDomain:
        """Return the domain.

        :raises NotFoundError: when it is not defined here
        """
        domain = self.find()
        if domain is None:
            raise NotFoundError(
                f"find guest {self.uuid}",
                "libvirt on this host has no domain with that uuid.",
                "Check on which host the server is.",
            )
        return domain

    def exists(self) -> bool:
        """Tell whether the domain is defined or running here."""
        return self.find() is not None

    def is_active(self) -> bool:
        """Tell whether the domain has a QEMU process, paused or not."""
        domain = self.find()
        if domain is None:
            return False
        with translated(f"read the state of guest {self.uuid}"):
            return bool(domain.isActive())

    def state(self) -> str:
        """Return libvirt's word for the state (virDomainState), or ``absent``."""
        domain = self.find()
        if domain is None:
            return "absent"
        with translated(f"read the state of guest {self.uuid}"):
            return _STATES[domain.state()[0]]

    def off_reason(self) -> str | None:
        """Return libvirt's word for why the guest is off (virDomainShutoffReason), or None when it is not.

        libvirt does not know any more after a restart of its own.
        """
        domain = self.require()
        with translated(f"read the state of guest {self.uuid}"):
            state, reason = domain.state()
        if _STATES[state] != "shutoff":
            return None
        return OFF_REASONS[reason] if reason < len(OFF_REASONS) else "unknown"

    def name(self) -> str:
        """Return the domain's name."""
        return self.require().name()

    def definition(self, secrets: bool = False) -> str:
        """Return the persistent XML: what would be started next.

        :param secrets: with console passwords in it
        """
        import libvirt

        flags = libvirt.VIR_DOMAIN_XML_INACTIVE
        if secrets:
            flags |= libvirt.VIR_DOMAIN_XML_SECURE
        domain = self.require()
        with translated(f"read the definition of guest {self.uuid}"):
            return domain.XMLDesc(flags)

    def is_persistent(self) -> bool:
        """Tell whether the domain outlives its QEMU process."""
        with translated(f"read the definition of guest {self.uuid}"):
            return bool(self.require().isPersistent())

    def snapshots(self) -> int:
        """Return the number of libvirt's own snapshots of the guest."""
        with translated(f"count the snapshots of guest {self.uuid}"):
            return self.require().snapshotNum()

    def checkpoints(self) -> int:
        """Return the number of libvirt's checkpoints, which backup programs make."""
        with translated(f"count the checkpoints of guest {self.uuid}"):
            return len(self.require().listAllCheckpoints())

    def refuse_what_undefine_loses(self) -> None:
        """Refuse a guest whose definition holds more than its XML.

        :raises UnsupportedError: for snapshots, checkpoints and a saved memory image
        """
        what = f"take guest {self.uuid} from this host"
        domain = self.require()
        with translated(what):
            kept = {
                "snapshots": domain.snapshotNum(),
                "checkpoints": len(domain.listAllCheckpoints()),
                "a saved memory image": domain.hasManagedSaveImage(),
            }
        found = [name for name, count in kept.items() if count]
        if found:
            raise UnsupportedError(
                what,
                f"libvirt keeps {' and '.join(found)} of it, which would be lost.",
                "Remove them first (virsh snapshot-delete, checkpoint-delete, managedsave-remove).",
            )

    def shut_down(self, timeout_s: float, retry_interval_s: float) -> bool:
        """Switch the guest off: ACPI's power button again and again, then the plug.

        As LibvirtDriver._clean_shutdown of Nova, but polling faster: the guest's downtime starts here.

        :param timeout_s: seconds until the plug is pulled
        :param retry_interval_s: seconds after which the button is pressed again
        :returns: whether the guest went by itself
        """
        domain = self.require()
        started = time.monotonic()
        pressed = -retry_interval_s
        while self.is_active() and self.state() != "paused":
            elapsed = time.monotonic() - started
            if elapsed >= timeout_s:
                break
            if elapsed - pressed >= retry_interval_s:
                self._press(domain)
                pressed = elapsed
            time.sleep(_POLL_S)
        if not self.is_active():
            return True
        self.destroy()
        return False

    def _press(self, domain: libvirt.virDomain) -> None:
        import libvirt

        try:
            domain.shutdown()
        except libvirt.libvirtError as error:
            # It went off by itself in between, or its agent does not answer: the plug remains.
            if error.get_error_code() not in {
                libvirt.VIR_ERR_OPERATION_INVALID,
                libvirt.VIR_ERR_AGENT_UNRESPONSIVE,
            }:
                raise refused(f"shut down guest {self.uuid}", error) from error

    def destroy(self) -> None:
        """Pull the plug; libvirt returns once QEMU is gone. Nothing happens when it is off."""
        import libvirt

        domain = self.find()
        if domain is None:
            return
        try:
            domain.destroy()
        except libvirt.libvirtError as error:
            codes = {libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN}
            if error.get_error_code() not in codes:
                raise refused(f"switch off guest {self.uuid}", error) from error

    def undefine(self, keep_state: bool) -> None:
        """Remove the definition, if there is one.

        :param keep_state: leave the firmware's variables and the TPM's state on disk
        """
        import libvirt

        domain = self.find()
        if domain is None:
            return
        facts = domain_info.describe(self.definition())
        # Flags only where there is something to keep or lose: older releases refuse those they don't know.
        flags = 0
        if facts["has_nvram"]:
            flags |= libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM if keep_state else libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
        if facts["has_tpm"]:
            flags |= libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM if keep_state else libvirt.VIR_DOMAIN_UNDEFINE_TPM
        with translated(f"undefine guest {self.uuid}"):
            if not keep_state and domain.hasManagedSaveImage():
                flags |= libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            if not keep_state and domain.snapshotNum():
                flags |= libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
            if not keep_state and domain.listAllCheckpoints():
                flags |= libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
            domain.undefineFlags(flags)

    def define(self, domain_xml: str) -> None:
        """Define the guest, after libvirt has checked its XML against the schema."""
        import libvirt

        with translated(f"define guest {self.uuid}"):
            self._connection.defineXMLFlags(domain_xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    def start(self) -> None:
        """Start the guest and prove that it runs.

        :raises StackmoveError: when libvirt refuses, or QEMU is gone again
        """
        domain = self.require()
        with translated(f"start guest {self.uuid}"):
            domain.create()
        if not self.is_active():
            raise StackmoveError(
                f"start guest {self.uuid}",
                "its QEMU process ended at once.",
                f"See /var/log/libvirt/qemu/{self.name()}.log on this host.",
            )

    def others_using(self, path: str) -> list[str]:
        """Return the uuids of other guests, running or not, whose XML names a file at or below a path."""
        import libvirt

        with translated("list the guests of this host"):
            domains = self._connection.listAllDomains()
        found = []
        for domain in domains:
            if domain.UUIDString() == self.uuid:
                continue
            try:
                described = domain.XMLDesc(0)
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    continue  # it went away while we were listing
                raise refused("read the guests of this host", error) from error
            if path in described:
                found.append(domain.UUIDString())
        return found
