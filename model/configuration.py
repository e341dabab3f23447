"""Configuration: one TOML file -> frozen dataclasses of sections, unknown keys and wrong types refused."""

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read_configuration(path: Path, defaults: T) -> T:
    """Defaults changed by a TOML file; ValueError names the section and key that does not fit."""
    with path.open("rb") as file:
        return configuration_from(tomllib.load(file), defaults)


def configuration_from(mapping: Mapping[str, Any], defaults: T) -> T:
    """Defaults, a dataclass whose fields are dataclasses, changed by nested mappings."""
    sections = {entry.name: getattr(defaults, entry.name) for entry in dataclasses.fields(defaults)}  # type: ignore[arg-type]
    unknown = set(mapping) - set(sections)
    if unknown:
        raise ValueError(f"expected sections {sorted(sections)}, got {sorted(unknown)}")
    return type(defaults)(**{name: _replace(sections[name], mapping.get(name, {}), name) for name in sections})


def _replace(default: T, values: Mapping[str, Any], section: str) -> T:
    known = {entry.name: getattr(default, entry.name) for entry in dataclasses.fields(default)}  # type: ignore[arg-type]
    hints = get_type_hints(type(default))
    changes: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"expected keys of [{section}] {sorted(known)}, got {key!r}")
        if isinstance(known[key], tuple):
            value = tuple(value)
        elif isinstance(known[key], float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        choices = get_args(hints[key]) if get_origin(hints[key]) is Literal else ()
        if choices and value not in choices:
            raise ValueError(f"expected {section}.{key} as one of {choices}, got {value!r}")
        if type(value) is not type(known[key]):
            raise ValueError(f"expected {section}.{key} as {type(known[key]).__name__}, got {value!r}")
        changes[key] = value
    return dataclasses.replace(default, **changes)  # type: ignore[type-var]
