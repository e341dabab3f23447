"""Configuration: one TOML file -> frozen dataclasses, a section each; unknown keys and wrong types are refused."""

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

Sections = TypeVar("Sections")
Section = TypeVar("Section")


def load_sections(path: Path, defaults: Sections) -> Sections:
    """`defaults` with what a TOML file says otherwise; see `with_sections`."""
    with path.open("rb") as file:
        return with_sections(defaults, tomllib.load(file))


def with_sections(defaults: Sections, mapping: Mapping[str, Any]) -> Sections:
    """`defaults`, a frozen dataclass of frozen dataclasses, with the values of plain nested mappings.

    Raises ValueError for an unknown section or key and a value of another type or outside a Literal.
    """
    sections = {one.name: getattr(defaults, one.name) for one in dataclasses.fields(defaults)}  # type: ignore[arg-type]
    unknown = set(mapping) - set(sections)
    if unknown:
        raise ValueError(f"expected sections {sorted(sections)}, got {sorted(unknown)}")
    changed = {name: _with_values(sections[name], values, name) for name, values in mapping.items()}
    return dataclasses.replace(defaults, **changed)  # type: ignore[type-var]


def _with_values(section: Section, values: Mapping[str, Any], title: str) -> Section:
    known = {one.name: getattr(section, one.name) for one in dataclasses.fields(section)}  # type: ignore[arg-type]
    hints = get_type_hints(type(section))
    changed: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"expected keys of [{title}] {sorted(known)}, got {key!r}")
        if isinstance(value, list):
            value = tuple(value)
        elif isinstance(known[key], float) and type(value) is int:
            value = float(value)
        choices = get_args(hints[key]) if get_origin(hints[key]) is Literal else ()
        if choices and value not in choices:
            raise ValueError(f"expected {title}.{key} as one of {choices}, got {value!r}")
        if type(value) is not type(known[key]):
            raise ValueError(f"expected {title}.{key} as {type(known[key]).__name__}, got {value!r}")
        changed[key] = value
    return dataclasses.replace(section, **changed)  # type: ignore[type-var]
