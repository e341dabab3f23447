"""Identity: which networks made the vectors of a library; those of different ones never meet."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


class MixedModelsError(ValueError):
    """Vectors of one model met something that was made for another; `code` is stable."""

    code = "mixed_models"

    def __init__(self, expected: object, got: object) -> None:
        super().__init__(f"expected what {expected} made, got what {got} made")


@dataclass(frozen=True)
class Identity:
    """model_id: architecture and weights of the embedder; scorer_id: those of the pair scorer, None without one.

    feature_space: the extractors that both were trained on. dim, dtype: of the stored vectors.
    """

    model_id: str
    scorer_id: str | None
    feature_space: str
    dim: int
    dtype: str = "float32"

    @classmethod
    def of(cls, facts: Mapping[str, object]) -> "Identity":
        """From JSON; ValueError where it is none."""
        known = {one.name for one in fields(cls)}
        if not known <= set(facts):
            raise ValueError(f"expected {sorted(known)}, got {sorted(facts)}")
        return cls(**{name: facts[name] for name in known})  # type: ignore[arg-type]

    def facts(self) -> dict[str, object]:
        """As JSON."""
        return asdict(self)

    def check(self, other: "Identity") -> None:
        """Raise MixedModelsError where the other is not the same."""
        if other != self:
            raise MixedModelsError(self, other)
