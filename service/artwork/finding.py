"""Finding: covers for one sentence, in two stages."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.artwork.library import Selection
from model.artwork.search import Candidates, Ranking, first_stage, one_of_each, second_stage
from service.admission import Deadline
from service.answer import UsedInstruction
from service.artwork.answer import ArtworkFound, FoundCover, MatchScores, RerankReason
from service.artwork.networks import pair_scores_of
from service.artwork.patience import Patience
from service.artwork.releases import ServedArtwork
from service.artwork.request import ArtworkSearchRequest
from service.errors import invalid
from service.exchange import Exchange
from service.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One request's own part of the work, for a thread of the pool. selections: one per instruction, or none."""

    served: ServedArtwork
    settings: Settings
    body: ArtworkSearchRequest
    selections: Sequence[Selection]
    deadline: Deadline
    exchange: Exchange

    def answer(self) -> ArtworkFound:
        """Find, rank again as far as the deadline allows, and show each picture once."""
        served, body, exchange = self.served, self.body, self.exchange
        with exchange.stage("encode"):
            query = self._query()
        candidates = self._candidates(query)
        reason: RerankReason | None = None
        if served.networks.matchers.scorer is None:
            reason = "no_scorer"
        elif not body.rerank:
            reason = "not_asked"
        depth = self.settings.artwork_rerank_covers
        with exchange.stage("rerank"):
            pair_scores = pair_scores_of(served.networks, served.library)(body.sentence) if reason is None else None
            patience = Patience(self.deadline)
            ranking = second_stage(candidates, served.artwork.weights, depth, pair_scores, patience.lasts)
        if reason is None and not ranking.finished:
            reason = "deadline"
        with exchange.stage("present"):
            results = self._results(candidates, ranking)
        return ArtworkFound(
            request_id=exchange.request_id,
            release=served.release_id,
            feature_space=served.artwork.identity.feature_space,
            parts=served.networks.parts,
            reranked=ranking.finished,
            rerank_reason=reason,
            reranked_covers=int(np.isfinite(ranking.pair).sum()),
            instructions=[self._used(index) for index in range(len(body.instructions))],
            eligible=list(candidates.eligible),
            results=results,
            took_ms=round(exchange.took_ms, 3),
        )

    def _query(self) -> np.ndarray:
        try:
            return self.served.networks.query_vectors.of(self.body.sentence)
        except ValueError as error:
            raise invalid("sentence", str(error), "no_words") from None

    def _candidates(self, query: np.ndarray) -> Candidates:
        library, body = self.served.library, self.body
        selections = self.selections or [library.select({})]
        depth = self.settings.artwork_rerank_covers if body.rerank else body.k
        with self.exchange.stage("search"):
            return first_stage(
                library, query, body.sentence, selections, body.k, depth, self.served.artwork.weights.text
            )

    def _results(self, candidates: Candidates, ranking: Ranking) -> list[FoundCover]:
        library = self.served.library
        kept = one_of_each(library, candidates.rows, ranking.positions, self.body.k)
        return [self._found(candidates, ranking, position) for position in kept]

    def _found(self, candidates: Candidates, ranking: Ranking, position: int) -> FoundCover:
        library, row = self.served.library, int(candidates.rows[position])
        segment, own = library.place(row)
        pair = float(ranking.pair[position])
        return FoundCover(
            artwork_id=segment.catalogue.item_ids[own],
            title=segment.catalogue.titles[own],
            artist=segment.artists[own],
            score=float(ranking.scores[position]),
            scores=MatchScores(
                float(candidates.image[position]),
                pair if np.isfinite(pair) else None,
                float(candidates.text[position]),
            ),
            instruction=int(candidates.chosen_by[position]) if self.body.instructions else None,
            covers=library.copies(segment.picture[own]),
            read_text=segment.read_text[own],
            attributes=segment.attributes(own),
        )

    def _used(self, index: int) -> UsedInstruction:
        one = self.body.instructions[index]
        return UsedInstruction(one.name or f"instruction {index}", one.client_form())
