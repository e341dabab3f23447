"""The answers about covers, field by field as the client reads them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from service.answer import UsedInstruction

RerankReason = Literal["deadline", "no_scorer", "not_asked"]


@dataclass(frozen=True, kw_only=True)
class ArtworkAnswered:
    """What every answer about covers says of its origin."""

    request_id: str
    release: str
    feature_space: Annotated[str, Field(description="the extractors that the networks were trained on")]
    parts: Annotated[dict[str, str], Field(description="role -> what filled it; of an upload also what looked at it")]
    took_ms: float


@dataclass(frozen=True)
class MatchScores:
    """What a score is made of."""

    image: Annotated[float, Field(description="cosine of sentence and picture, of the first stage")]
    pair: Annotated[float | None, Field(description="of the pair scorer; null where it did not score this pair")]
    text: Annotated[float, Field(description="share of the sentence that is written on the cover, 0 to 1")]


@dataclass(frozen=True)
class FoundCover:
    """One picture, under the id of its best cover. covers: how many covers show it."""

    artwork_id: str
    title: str | None
    artist: str | None
    score: Annotated[
        float, Field(description="z(image) + pair weight z(pair) + text weight text; of this answer alone")
    ]
    scores: MatchScores
    instruction: Annotated[int | None, Field(description="index of the instruction that found it")]
    covers: int
    read_text: list[str]
    attributes: dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class ArtworkFound(ArtworkAnswered):
    """Covers for a sentence. reranked: whether the second stage ranked `reranked_covers` of them; else why not."""

    reranked: bool
    rerank_reason: RerankReason | None
    reranked_covers: int
    instructions: list[UsedInstruction]
    eligible: Annotated[list[int], Field(description="per instruction, or of all: covers that satisfy it")]
    results: list[FoundCover]


@dataclass(frozen=True)
class WordRegion:
    """A word and the place of the picture that it speaks of most; no place where all are alike. weight: attention."""

    word: str
    weight: float
    label: str | None
    box: Annotated[list[float] | None, Field(description="x0, y0, x1, y1 as shares of width and height")]


@dataclass(frozen=True)
class MatchedSentence:
    """A sentence and how well it fits the picture. words: empty where there is no pair scorer or it was not asked."""

    sentence: str
    score: float
    scores: MatchScores
    words: list[WordRegion]


@dataclass(frozen=True, kw_only=True)
class ArtworkMatched(ArtworkAnswered):
    """Sentences for a picture, best first. found: whether they were found in the release rather than given."""

    reranked: bool
    rerank_reason: RerankReason | None
    found: bool
    results: list[MatchedSentence]
    read_text: list[str]


@dataclass(frozen=True, kw_only=True)
class ArtworkIndexed(ArtworkAnswered):
    """A cover can be found from now on, in this process at once and in the others with the next release."""

    artwork_id: str
    replaced: bool
    covers: Annotated[int, Field(description="covers that can be found now")]
    same_picture: Annotated[int, Field(description="covers that show this picture, this one among them")]
    cover_style: str
    read_text: list[str]


@dataclass(frozen=True)
class ArtworkRemoved:
    """A cover is found no more: in this process at once, in the others with the next release, which lacks it."""

    request_id: str
    artwork_id: str
    removed: Annotated[bool, Field(description="false where there was no such cover")]
    covers: Annotated[int, Field(description="covers that can be found now")]
    release: str


@dataclass(frozen=True)
class Artwork:
    """A cover as it is known."""

    artwork_id: str
    title: str | None
    artist: str | None
    attributes: dict[str, list[str]]
    read_text: list[str]
    same_picture: Annotated[int, Field(description="covers that show this picture, this one among them")]
    image_sha256: str
    in_release: Annotated[bool, Field(description="false for a cover that was added since")]
    release: str
    feature_space: str
