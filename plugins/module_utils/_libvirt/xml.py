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
#: Elements within elements; libvirt's own XML has fewer than 20.
LIMIT_DEPTH = 100
_REMEDY = "Compare it with what virsh dumpxml or virsh capabilities shows on the host that it is from."
# Nothing of this is in what libvirt writes. Without them there are no entities, no external files, no expansion.
_HOSTILE = {
    "<!ENTITY": "it declares entities",
    "<!DOCTYPE": "it declares a document type",
}


def parse(text: str) -> _Element:
    """Parse XML: no entities, no DTD, no network, no more than LIMIT_BYTES and no deeper than LIMIT_DEPTH.

    :raises StackmoveError: when the text is not such XML
    """
    from lxml import etree

    # What cannot be encoded is left for the parser to refuse.
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > LIMIT_BYTES:
        raise _refused(f"it has {len(data)} bytes; {LIMIT_BYTES} are allowed.")
    for marker, what in _HOSTILE.items():
        if marker in text:
            raise _refused(f"{what}, which libvirt never does.")
    # The encoding is ours, whatever the text declares: another one could hide what was looked for above.
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise _refused(f"it is malformed: {error}.") from error
    depth = 0
    for event, _element in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if depth > LIMIT_DEPTH:
            raise _refused(f"its elements are nested more than {LIMIT_DEPTH} deep.")
    return root


def _refused(cause: str) -> StackmoveError:
    return StackmoveError("read XML", cause, _REMEDY)


def text_of(root: _Element) -> str:
    """Write an element as text; the same tree gives the same bytes."""
    from lxml import etree

    return etree.tostring(root, encoding="unicode", with_tail=False) + "\n"
