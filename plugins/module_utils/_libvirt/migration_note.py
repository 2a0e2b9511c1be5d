# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no libvirt holds: where a migration goes, and the files that it has made there, until it has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError

#: The folder of the notes, on the source's host.
NOTES = Path("/var/lib/stackmove")


class Note:
    """Where a migration goes and what it has made there: kept on the source's host until it has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def created(self, destination_uri: str) -> list[str]:
        """Return the files that were made, or were to be made, at a destination.

        :raises StackmoveError: when the note is of another destination
        """
        note = self.read()
        if not note.get("created"):
            return []
        if note["destination_uri"] != destination_uri:
            raise StackmoveError(
                f"migrate a guest to {destination_uri}",
                f"a migration to {note['destination_uri']} has left files there: {', '.join(note['created'])}.",
                f"Remove them there, and {self.path} here; or run it again to that destination.",
            )
        return list(note["created"])

    def read(self) -> dict[str, Any]:
        """Return all that was noted, and nothing where there is no note."""
        try:
            found: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def begin(self, destination_uri: str, autostart: bool, disks: list[dict[str, Any]]) -> None:
        """Note where a migration goes, before it begins, and what is needed in its end by whoever goes on with it.

        :param autostart: whether the destination is to start the guest with the host
        :param disks: those that are copied, as the result has them
        """
        self._put({"destination_uri": destination_uri, "created": [], "autostart": autostart, "disks": disks})

    def write(self, destination_uri: str, created: list[str]) -> None:
        """Note the files, before they are made."""
        self._put({**self.read(), "destination_uri": destination_uri, "created": created})

    def _put(self, note: Mapping[str, Any]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(note) + "\n", "utf-8")
        partial.replace(self.path)

    def remove(self) -> None:
        """Forget them."""
        self.path.unlink(missing_ok=True)
