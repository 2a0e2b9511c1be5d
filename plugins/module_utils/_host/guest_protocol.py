# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host's side of a move needs of a guest; libvirt's side implements it."""

from __future__ import annotations

from typing import Protocol


class GuestControl(Protocol):
    """One guest, found by its uuid; it may or may not be defined here."""

    uuid: str

    def exists(self) -> bool:
        """Tell whether it is defined or running here."""

    def is_active(self) -> bool:
        """Tell whether its QEMU runs here."""

    def state(self) -> str:
        """Return the state in libvirt's word, or ``absent``."""

    def name(self) -> str:
        """Return the domain's name."""

    def definition(self, secrets: bool = False) -> str:
        """Return the XML that it would be started with."""

    def refuse_what_undefine_loses(self) -> None:
        """Refuse a guest whose definition holds more than its XML."""

    def shut_down(self, timeout_s: float, retry_interval_s: float) -> bool:
        """Switch it off and tell whether it went by itself."""

    def destroy(self) -> None:
        """Pull the plug."""

    def undefine(self, keep_state: bool) -> None:
        """Remove its definition."""

    def define(self, domain_xml: str) -> None:
        """Define it."""

    def start(self) -> None:
        """Start it and prove that it runs."""

    def others_using(self, path: str) -> list[str]:
        """Return the uuids of other guests that use files below a path."""
