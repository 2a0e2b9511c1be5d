# Copyright: (c) 2026, stackmove.nova contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.stackmove.nova.plugins.module_utils._errors import StackmoveError
from ansible_collections.stackmove.nova.plugins.module_utils._libvirt import xml

LAUGHS = "".join(f"<!ENTITY l{step} '{f'&l{step - 1};' * 10}'>" for step in range(1, 10))


def refusal(text: str) -> str:
    with pytest.raises(StackmoveError) as caught:
        xml.parse(text)
    assert str(caught.value).startswith("Failed to read XML: ")
    return caught.value.cause


def test_billion_laughs() -> None:
    text = f"<!DOCTYPE d [<!ENTITY l0 'ha'>{LAUGHS}]><domain><name>&l9;</name></domain>"
    assert refusal(text) == "it declares entities, which libvirt never does."


def test_billion_laughs_in_an_attribute() -> None:
    text = f"<!DOCTYPE d [<!ENTITY l0 'ha'>{LAUGHS}]><domain type='&l9;'/>"
    assert refusal(text) == "it declares entities, which libvirt never does."


def test_external_entity(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2", "utf-8")
    text = f"<!DOCTYPE d [<!ENTITY e SYSTEM '{secret.as_uri()}'>]><domain>&e;</domain>"
    cause = refusal(text)
    assert cause == "it declares entities, which libvirt never does."
    assert "hunter2" not in cause


@pytest.mark.parametrize("where", ["SYSTEM 'http://192.0.2.1/d.dtd'", "PUBLIC 'd' 'file:///etc/passwd'", ""])
def test_document_type(where: str) -> None:
    assert refusal(f"<!DOCTYPE domain {where}><domain/>") == "it declares a document type, which libvirt never does."


def test_an_encoding_that_would_hide_a_document_type() -> None:
    hidden = "<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE d+AD4-<domain/>"
    assert refusal(hidden).startswith("it is malformed: ")
    assert xml.parse("<?xml version='1.0' encoding='UTF-16'?><domain>ü</domain>").text == "ü"


@pytest.mark.parametrize(("depth", "cause"), [(101, "nested more than 100 deep"), (100_000, "Excessive depth")])
def test_deep_nesting(depth: int, cause: str) -> None:
    assert cause in refusal("<a>" * depth + "</a>" * depth)
    assert xml.parse("<a>" * 100 + "</a>" * 100).tag == "a"


def test_huge_input() -> None:
    text = "<domain>" + "ü" * (xml.LIMIT_BYTES // 2) + "</domain>"
    assert refusal(text) == f"it has {xml.LIMIT_BYTES + 17} bytes; {xml.LIMIT_BYTES} are allowed."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "domain",
        "<domain",
        "<domain/><domain/>",
        "<domain a='1' a='2'/>",
        "<domain>&unknown;</domain>",
        "<nova:domain/>",
        "<domain>\0</domain>",
        "<domain>\udc80</domain>",
    ],
)
def test_malformed(text: str) -> None:
    assert refusal(text).startswith("it is malformed: ")


def test_the_same_tree_gives_the_same_text() -> None:
    text = "<domain type='kvm'>\n  <!-- a remark --><?a b?>\n  <name>&lt;ü&amp;&#65;</name>\n</domain>"
    written = xml.text_of(xml.parse(text))
    assert written == '<domain type="kvm">\n  <!-- a remark --><?a b?>\n  <name>&lt;ü&amp;A</name>\n</domain>\n'
    assert xml.text_of(xml.parse(written)) == written
