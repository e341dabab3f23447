"""What the benchmark compares: trainings, and ensembles of them."""

from dataclasses import dataclass, replace
from pathlib import Path

from model.image_text.config import ImageTextConfig, load_config

SHIPPED = Path(__file__).parents[1]


@dataclass(frozen=True)
class Variant:
    """trainings: the names of TRAININGS whose mean similarity it is; the first pair scorer among them re-ranks."""

    name: str
    trainings: tuple[str, ...]


def trainings() -> dict[str, ImageTextConfig]:
    """Name -> configuration; an ablation differs from the shipped one in what its name says."""
    plain, grid = load_config(SHIPPED / "linear.toml"), load_config(SHIPPED / "3shnet.toml")
    region, cmsei, hire = (load_config(SHIPPED / f"{name}.toml") for name in ("3shnet_region", "cmsei", "hire"))
    closed = replace(
        plain,
        network=replace(plain.network, skip_dim=grid.network.skip_dim, whole="centred", closed_form=True),
        stage=replace(plain.stage, epochs=0),
    )
    # A BiGRU has no sentence vector for a skip to read, so its rival goes without one too.
    alone = replace(grid, network=replace(grid.network, skip=False, informed_start=False))
    words = replace(grid.text, encoder="bigru", word_vectors=True)
    return {
        "linear": plain,
        "linear in closed form": closed,
        "3shnet grid": grid,
        "3shnet region": region,
        "cmsei": cmsei,
        "hire": hire,
        "3shnet grid without segmentation": replace(grid, network=replace(grid.network, segmentation=False)),
        "hire without graphs": replace(hire, network=replace(hire.network, graphs=False)),
        "3shnet grid with the hinge loss": replace(grid, objective=replace(grid.objective, loss="hinge")),
        "3shnet grid without the skip": alone,
        "3shnet grid with a BiGRU and no skip": replace(alone, text=words),
    }


VARIANTS = (
    *(Variant(name, (name,)) for name in trainings()),
    Variant("3shnet hybrid", ("3shnet grid", "3shnet region")),
    Variant("3shnet hybrid + hire", ("3shnet grid", "3shnet region", "hire")),
)
# The question of the published models' own worth beside what stands next to them.
BASELINE = "linear"


def with_seed(config: ImageTextConfig, seed: int) -> ImageTextConfig:
    """The same training under another seed."""
    return replace(config, stage=replace(config.stage, seed=seed))
