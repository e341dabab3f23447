"""Instruction: one parsed instruction of a request - a name, a condition, a share of the merged list."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from model.catalogue import Catalogue
from model.condition import Condition, ConditionError
from service.errors import FieldError, InvalidRequestError
from service.history_codec import AttributeValue, unpack_values
from service.request import InstructionBody

ClientForm = dict[str, dict[str, list[str]]]
MAX_PARSED = 4_096
_WORDS = {"any": "any of", "all": "all of", "none": "none of"}


@dataclass(frozen=True)
class Instruction:
    """`where` is the client's own form, kept for the answer; quota: at least this many items of a merged list."""

    name: str
    condition: Condition = field(default_factory=Condition)
    where: ClientForm = field(default_factory=dict)
    quota: int = 0

    def describe(self) -> str:
        """In words, e.g. "genre any of rock, jazz and explicit none of yes"; empty for any item."""
        return self._described

    @cached_property
    def _described(self) -> str:
        return " and ".join(
            f"{name} {_WORDS[operator] if len(values) > 1 or operator == 'none' else 'is'} {', '.join(values)}"
            for name, clauses in self.where.items()
            for operator, values in clauses.items()
        )


NO_INSTRUCTION = Instruction("any item")


class InstructionCache:
    """Parsed instructions of one release by what the client wrote; the least recently used go first.

    For the event loop's thread alone. Instructions are shared by requests and never changed.
    """

    def __init__(self, catalogue: Catalogue, max_parsed: int = MAX_PARSED) -> None:
        self._catalogue = catalogue
        self._max_parsed = max_parsed
        self._parsed: OrderedDict[Hashable, list[Instruction]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._parsed)

    def parse(self, bodies: Sequence[InstructionBody]) -> list[Instruction]:
        """The client's instructions; raises InvalidRequestError that names every one that cannot be followed."""
        written = tuple([_written(body) for body in bodies])
        return list(self._once(written, lambda: parse_instructions(self._catalogue, bodies)))

    def standing(self, packed: bytes) -> list[Instruction]:
        """The instructions of stored standing values; raises ValueError where the store holds something else."""
        return list(self._once(packed, lambda: standing_instructions(self._catalogue, unpack_values(packed))))

    def _once(self, key: Hashable, parse: Callable[[], list[Instruction]]) -> list[Instruction]:
        found = self._parsed.get(key)
        if found is not None:
            self._parsed.move_to_end(key)
            return found
        found = self._parsed[key] = parse()
        if len(self._parsed) > self._max_parsed:
            self._parsed.popitem(last=False)
        return found


def _written(body: InstructionBody) -> Hashable:
    """All that an instruction says, hashable; attributes and values in the client's order."""
    where = [(name, tuple(one.any), tuple(one.all), tuple(one.none)) for name, one in body.where.items()]
    return body.name, body.quota, tuple(where)


def parse_instructions(catalogue: Catalogue, bodies: Sequence[InstructionBody]) -> list[Instruction]:
    """The client's instructions; raises InvalidRequestError that names every one that cannot be followed."""
    parsed: list[Instruction] = []
    faults: list[FieldError] = []
    for index, body in enumerate(bodies):
        where = body.client_form()
        try:
            condition = catalogue.condition(where, path=f"instructions.{index}.where")
        except ConditionError as error:
            faults.append(FieldError(error.path, str(error), error.code))
            continue
        instruction = Instruction("", condition, where, body.quota or 0)
        name = body.name or instruction.describe() or NO_INSTRUCTION.name
        parsed.append(Instruction(name, condition, where, body.quota or 0))
    if faults:
        raise InvalidRequestError(faults)
    return parsed


def standing_instructions(catalogue: Catalogue, values: Sequence[AttributeValue]) -> list[Instruction]:
    """One instruction per standing value; values that the release in force does not know are left out."""
    instructions = []
    for name, value in values:
        attribute = catalogue.attributes.get(name)
        value_id = None if attribute is None else attribute.value_id(value)
        if value_id is not None:
            where = {name: {"any": [value]}}
            instructions.append(Instruction(f"{name} is {value}", Condition.of(value_id), where))
    return instructions
