# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every command line that a process of this machine has: ``watch.py FILE`` looks until FILE exists, and prints them."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path

# A scenario that was broken off leaves no watcher for ever.
LONGEST_S = 400
POLL_S = 0.2


def main() -> None:
    """Look again and again: a process may be short."""
    end, deadline = Path(sys.argv[1]), time.monotonic() + LONGEST_S
    seen: set[bytes] = set()
    while not end.exists() and time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            # It may be gone by now.
            with contextlib.suppress(OSError):
                seen.add(process.read_bytes())
        time.sleep(POLL_S)
    print("\n".join(sorted(line.replace(b"\0", b" ").decode(errors="replace") for line in seen)))


if __name__ == "__main__":
    main()
