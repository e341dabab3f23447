"""Matching: sentences for one picture, scored or found, with the regions that their words speak of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.artwork.lettering import written_share
from model.artwork.search import CHUNK, z
from model.image_text.inputs import ImageInputs
from model.image_text.matching import PreparedImage, PreparedText
from service.admission import Deadline
from service.artwork.answer import ArtworkMatched, MatchedSentence, MatchScores, RerankReason, WordRegion
from service.artwork.networks import prepared_images
from service.artwork.patience import Patience
from service.artwork.releases import ServedArtwork
from service.artwork.request import ArtworkMatchRequest
from service.artwork.sight import Seen, see
from service.errors import invalid
from service.exchange import Exchange
from service.settings import Settings

FIRST_STAGE_SENTENCES = 20


@dataclass(frozen=True)
class Matching:
    """One request's own part of the work, for a thread of the pool."""

    served: ServedArtwork
    settings: Settings
    body: ArtworkMatchRequest
    deadline: Deadline
    exchange: Exchange

    def answer(self, content: bytes) -> ArtworkMatched:
        """Look at the picture, score the sentences, explain those that are shown."""
        served, exchange, networks = self.served, self.exchange, self.served.networks
        seen = see(networks, content, self.settings, exchange)
        inputs = ImageInputs.from_features(seen.features)
        with exchange.stage("embed"):
            vector, tensors = networks.vector(inputs), networks.prepare(inputs)
        with exchange.stage("encode"):
            sentences, cosines = self._sentences(vector)
        with exchange.stage("rerank"):
            prepared = prepared_images([tensors])[0] if tensors else None
            texts, pair = self._pairs(prepared, sentences)
        reason: RerankReason | None = None if texts is not None else "no_scorer" if prepared is None else "deadline"
        written = np.array([written_share(sentence, seen.read_text) for sentence in sentences])
        weights = served.artwork.weights
        scores = z(cosines) + weights.text * written + (0 if texts is None else weights.pair * z(pair))
        with exchange.stage("explain"):
            order = np.argsort(-scores, kind="stable")[: None if self.body.sentences else self.body.k]
            results = [
                MatchedSentence(
                    sentences[one],
                    float(scores[one]),
                    MatchScores(float(cosines[one]), None if texts is None else float(pair[one]), float(written[one])),
                    self._words(seen, prepared, None if texts is None else texts[one]),
                )
                for one in order.tolist()
            ]
        return ArtworkMatched(
            request_id=exchange.request_id,
            release=served.release_id,
            feature_space=served.artwork.identity.feature_space,
            parts=networks.parts | dict(seen.features.parts),
            reranked=texts is not None,
            rerank_reason=reason,
            found=not self.body.sentences,
            results=results,
            read_text=list(seen.read_text),
            took_ms=round(exchange.took_ms, 3),
        )

    def _sentences(self, vector: np.ndarray) -> tuple[Sequence[str], np.ndarray]:
        """The sentences to score, float64 cosines of each."""
        known = self.served.artwork.sentences
        if self.body.sentences or known is None:
            try:
                encoded = self.served.networks.matchers.embedder.encode_texts(self.body.sentences)
            except ValueError as error:
                raise invalid("sentences", str(error), "no_words") from None
            return self.body.sentences, encoded.astype(np.float64) @ vector
        cosines = known.vectors @ vector
        nearest = np.argsort(-cosines, kind="stable")[: max(self.body.k, FIRST_STAGE_SENTENCES)]
        return [known.texts[one] for one in nearest.tolist()], cosines[nearest].astype(np.float64)

    def _pairs(
        self, prepared: PreparedImage | None, sentences: Sequence[str]
    ) -> tuple[list[PreparedText] | None, np.ndarray]:
        """Prepared sentences and pair scores float64 [n]; None without a scorer, or where the deadline cut it."""
        scores = np.zeros(len(sentences))
        if prepared is None:
            return None, scores
        scorer, patience = self.served.networks.scorer, Patience(self.deadline)
        texts: list[PreparedText] = []
        for start in range(0, len(sentences), CHUNK):
            if not patience.lasts():
                return None, scores
            chunk = scorer.prepare_texts(sentences[start : start + CHUNK])
            scores[start : start + CHUNK] = np.asarray(scorer.score([prepared], chunk))[0]
            texts += chunk
        return texts, scores

    def _words(self, seen: Seen, prepared: PreparedImage | None, text: PreparedText | None) -> list[WordRegion]:
        """For every word the region that gives it the most of its attention; no region where all give the same."""
        regions = seen.features.regions
        if not self.body.explain or prepared is None or text is None or regions is None:
            return []
        explained = self.served.networks.scorer.explain(prepared, text)
        words = []
        for word, attention in zip(explained.tokens, explained.attention.T, strict=True):
            region = int(attention.argmax())
            stands_out = attention[region] > attention.min()
            label = regions.labels[region] if stands_out else None
            box = regions.boxes[region].tolist() if stands_out and regions.boxes is not None else None
            words.append(WordRegion(word, float(attention[region]), label or None, box))
        return words
