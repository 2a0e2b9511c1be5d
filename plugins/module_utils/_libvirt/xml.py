# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""XML from libvirt, read without any of XML's traps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError

if TYPE_CHECKING:
    from lxml.etree import _Element

#: A domain with dozens of devices has about 20 KiB; capabilities of a large host about 1 MiB.
LIMIT_BYTES = 4 * 1024 * 1024
_REMEDY = "Compare it with what virsh dumpxml or virsh capabilities shows on the host that it is from."


def parse(text: str) -> _Element:
    """Parse XML: no entities, no DTD, no network, and no more than LIMIT_BYTES.

    :raises StackmoveError: when the text is not such XML
    """
    from lxml import etree

    data = text.encode()
    if len(data) > LIMIT_BYTES:
        raise StackmoveError("read XML", f"it has {len(data)} bytes; {LIMIT_BYTES} are allowed.", _REMEDY)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise StackmoveError("read XML", f"it is malformed: {error}.", _REMEDY) from error
    if root.getroottree().docinfo.doctype:
        raise StackmoveError("read XML", "it declares a document type, which libvirt never does.", _REMEDY)
    return root


def text_of(root: _Element) -> str:
    """Write an element as text; the same tree gives the same bytes."""
    from lxml import etree

    return etree.tostring(root, encoding="unicode", with_tail=False) + "\n"
