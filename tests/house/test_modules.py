"""What only a running interpreter can tell: exports exist, docstrings stand, doctests hold, shelves list all they hold."""

from __future__ import annotations

import doctest
import importlib
import inspect
from collections.abc import Iterator, Mapping
from types import ModuleType

import pytest

from house import checkout, python_rules

MODULES = tuple(checkout.module(path) for path in checkout.python("src") if path.name != "__main__.py")
SHELVES = tuple(checkout.module(path.parent / "__init__.py") for path in checkout.python("src") if path.name == "base.py")
# Concrete classes of a shelf that no table needs to list, each with its reason.
UNLISTED: Mapping[str, str] = {
    "tickcast.models.OnnxNetwork": "what a saved network is without torch: it is loaded, never asked for by name",
    "tickcast.store.Quest": "its clients are an extra: BACKENDS names the function that imports it",
}


@pytest.mark.parametrize("name", MODULES)
def test_all_is_importable(name: str) -> None:
    module = importlib.import_module(name)
    path = next(path for path in checkout.python("src") if checkout.module(path) == name)
    missing = [each for each in python_rules.exported(checkout.tree(path)) or [] if not hasattr(module, each)]
    assert not missing, f"{name}.__all__ names {missing}, which do not exist"


def undocumented(module: ModuleType) -> Iterator[str]:
    """Public classes, functions and methods without a docstring; a method may inherit its contract's."""
    if not (module.__doc__ or "").strip():
        yield module.__name__
    for name in getattr(module, "__all__", ()):
        thing = getattr(module, name)
        if getattr(thing, "__module__", None) != module.__name__ or not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if not (thing.__doc__ or "").strip():
            yield f"{module.__name__}.{name}"
        for member, value in vars(thing).items() if inspect.isclass(thing) else ():
            method = inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)
            if method and not member.startswith("_") and not inspect.getdoc(getattr(thing, member)):
                yield f"{module.__name__}.{name}.{member}"


@pytest.mark.parametrize("name", MODULES)
def test_public_things_are_documented(name: str) -> None:
    found = list(undocumented(importlib.import_module(name)))
    assert not found, "no docstring: " + ", ".join(found)


@pytest.mark.parametrize("name", MODULES)
def test_doctests_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name), raise_on_error=False).failed == 0


def listed(shelf: ModuleType) -> set[object]:
    """Everything the explicit tables of a shelf hold: mappings and tuples among its public constants."""
    out: set[object] = set()
    for name in getattr(shelf, "__all__", ()):
        value = getattr(shelf, name)
        if name.isupper() and isinstance(value, Mapping | tuple):
            for each in value.values() if isinstance(value, Mapping) else value:
                held = each if isinstance(each, tuple) else (each,)
                out |= {*held, *(type(one) for one in held if not inspect.isclass(one))}
    return out


def alternatives(shelf: str) -> Iterator[type]:
    """Concrete public classes defined in a shelf's files that keep one of the contracts in its base.py."""
    base = importlib.import_module(f"{shelf}.base")
    contracts = tuple(thing for name in base.__all__ if inspect.isclass(thing := getattr(base, name)) and inspect.isabstract(thing))
    for name in MODULES:
        if name.startswith(f"{shelf}."):
            module = importlib.import_module(name)
            for each in (getattr(module, public) for public in getattr(module, "__all__", ())):
                if inspect.isclass(each) and each.__module__ == name and not inspect.isabstract(each) and issubclass(each, contracts or ()):
                    yield each


@pytest.mark.parametrize("name", SHELVES)
def test_a_shelf_lists_every_alternative(name: str) -> None:
    table = listed(importlib.import_module(name))
    missing = [each.__name__ for each in alternatives(name) if each not in table and f"{name}.{each.__name__}" not in UNLISTED]
    assert not missing, f"{name}: the table in __init__.py does not list {', '.join(missing)}"


def test_a_planted_class_without_docstring_is_found() -> None:
    planted = ModuleType("planted")
    planted.__all__ = ["Bare"]  # type: ignore[attr-defined]
    planted.Bare = type("Bare", (), {"__module__": "planted", "act": lambda self: None})  # type: ignore[attr-defined]
    assert list(undocumented(planted)) == ["planted", "planted.Bare", "planted.Bare.act"]


def test_what_a_table_holds_is_read() -> None:
    shelf = ModuleType("shelf")
    shelf.__all__ = ["TABLE", "lower"]  # type: ignore[attr-defined]
    shelf.TABLE, shelf.lower = {"a": int, "b": (str, 3)}, {"c": float}  # type: ignore[attr-defined]
    assert listed(shelf) >= {int, str, 3}
    assert float not in listed(shelf)
