"""Every file keeps the house rules."""

from __future__ import annotations

import re

import pytest

from house import checkout, import_rules, python_rules, rust_rules
from house.python_rules import Rule

HOSTS = ("py" + "pi.org", "python" + "hosted.org", "crates" + ".io", "registry.npm" + "js", "repo1.ma" + "ven", "deb.deb" + "ian.org")
FOLDERS = re.compile(r"(?<![\w.$}])/(?:" + "|".join(("wo" + "rk", "fa" + "rm", "ro" + "ot", "ho" + "me/[a-z]", "Us" + "ers/[a-z]")) + r")/")
TEXT_SUFFIXES = (".py", ".pyi", ".rs", ".toml", ".yaml", ".yml", ".md", ".sh", ".json", ".html", ".js", ".css", ".txt", "")


def _fails(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("rule", python_rules.EVERYWHERE, ids=lambda rule: rule.__name__)
def test_python(rule: Rule) -> None:
    _fails([each for path in checkout.python() if path.parts[:2] != ("tests", "house") or rule is not python_rules.placeholders
            for each in rule(path, checkout.text(path), checkout.tree(path))])  # fmt: skip


@pytest.mark.parametrize("rule", (*python_rules.IN_PACKAGE, import_rules.one_way), ids=lambda rule: rule.__name__)
def test_package(rule: Rule) -> None:
    _fails([each for path in checkout.python("src") for each in rule(path, checkout.text(path), checkout.tree(path))])


@pytest.mark.parametrize("rule", python_rules.IN_TESTS, ids=lambda rule: rule.__name__)
def test_tests(rule: Rule) -> None:
    _fails([each for path in checkout.python("tests") for each in rule(path, checkout.text(path), checkout.tree(path))])


@pytest.mark.parametrize("rule", rust_rules.RULES, ids=lambda rule: rule.__name__)
def test_rust(rule: rust_rules.Rule) -> None:
    _fails([each for path in checkout.rust() for each in rule(path, checkout.text(path))])


def test_no_machine_and_no_registry_is_named() -> None:
    found = []
    for path in checkout.files():
        if path.suffix in TEXT_SUFFIXES:
            for i, line in enumerate(checkout.text(path).splitlines(), 1):
                if FOLDERS.search(line) or any(host in line for host in HOSTS):
                    found.append(f"{path}:{i}: names a folder of one machine or a download host: {line.strip()[:100]}")
    _fails(found)


def test_no_large_data_is_tracked() -> None:
    limit = 512 * 1024
    sizes = [(path, (checkout.ROOT / path).stat().st_size) for path in checkout.files()]
    _fails([f"{path}: {size // 1024} KiB; data stays outside the repository" for path, size in sizes if size > limit])


def test_every_source_file_has_a_test() -> None:
    """A test names its module, or a test of its room (or the laws) names something it defines or the table that lists it."""
    tests = {path: checkout.text(path) for path in checkout.python("tests", "examples")}
    everywhere = "\n".join(tests.values())
    found = []
    for path in checkout.python("src"):
        module, names = checkout.module(path), python_rules.exported(checkout.tree(path)) or []
        near = "\n".join(text for test, text in tests.items() if {path.parts[2], "checks", "flow"} & set(test.parts))
        shelf = checkout.text(path.parent / "__init__.py") if path.parent / "__init__.py" in checkout.files() else ""
        tables = [name for name in re.findall(r"^([A-Z_]{4,}): Mapping", shelf, re.MULTILINE) if any(each in shelf for each in names)]
        named = any(re.search(rf"\b{re.escape(name)}\b", near) for name in (*names, *tables))
        if path.name != "__init__.py" and not named and not re.search(rf"\b{re.escape(module)}\b", everywhere):
            found.append(f"{path}: no test names {module}, and none of its room names {', '.join(names) or 'anything it defines'}")
    _fails(found)


def test_links_between_documents_lead_somewhere() -> None:
    found = []
    for path in checkout.files():
        if path.suffix == ".md":
            for link in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", checkout.text(path)):
                if "://" not in link and not link.startswith("mailto:") and not (checkout.ROOT / path.parent / link).exists():
                    found.append(f"{path}: {link} leads nowhere")
    _fails(found)


def test_every_room_has_its_page() -> None:
    rooms = {path.parts[2] for path in checkout.python("src") if len(path.parts) > 3}
    pages = {path.stem for path in checkout.files() if path.parts[0] == "docs" and path.suffix == ".md"}
    _fails([f"docs/{room}.md is missing: one page per room" for room in sorted(rooms - pages)])
