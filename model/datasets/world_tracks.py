"""The music world's tracks: artists in genres, and what every track is like. All of it is simulated."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

GENRES: tuple[str, ...] = ("rock", "pop", "hip-hop", "electronic", "indie", "metal")
GENRES += ("jazz", "folk", "rnb-soul", "latin", "classical", "ambient")
LANGUAGES = ("en", "es", "fr", "de", "ja", "pt", "instrumental")
LANGUAGE_SHARES = (0.5, 0.14, 0.08, 0.06, 0.07, 0.05, 0.1)
EXPLICIT_SHARES = {"hip-hop": 0.55, "metal": 0.25, "latin": 0.2, "rnb-soul": 0.2}
TASTE_WIDTH = 12
NEW_DAYS, RECENT_DAYS = 90, 730
DAY_S = 86_400
PREMIERES = 0.03


@dataclass(frozen=True)
class Tracks:
    """V tracks, sorted so that a genre's tracks are contiguous, and within a genre an artist's.

    artist, genre (the first of its genres), second_genre (-1 = none), language, released_s: int64 [V]; explicit: bool.
    artist_span, genre_span: int64 [V, 2], first and past-last row of the track's artist and genre.
    factor: float64 [V, F], the track in the space of true utilities; the last column is its general appeal.
    """

    artist: np.ndarray
    genre: np.ndarray
    second_genre: np.ndarray
    language: np.ndarray
    released_s: np.ndarray
    explicit: np.ndarray
    artist_span: np.ndarray
    genre_span: np.ndarray
    factor: np.ndarray
    genre_centres: np.ndarray

    def __len__(self) -> int:
        return len(self.artist)


def make_tracks(
    rng: np.random.Generator, num_tracks: int, start_s: int, end_s: int, premieres: float = PREMIERES
) -> Tracks:
    """Draw the artists and their tracks; `premieres`: the share of tracks that come out while the log runs, about."""
    num_artists = max(len(GENRES), num_tracks // 10)
    centres = _unit(rng.normal(size=(len(GENRES), TASTE_WIDTH)))
    shares = 1.0 / (1.0 + np.arange(len(GENRES))) ** 0.6
    artist_genre = np.sort(rng.choice(len(GENRES), num_artists, p=shares / shares.sum()))
    artist_taste = _unit(centres[artist_genre] + 0.35 * rng.normal(size=(num_artists, TASTE_WIDTH)))
    artist_language = rng.choice(len(LANGUAGES), num_artists, p=LANGUAGE_SHARES)
    sizes = rng.lognormal(0.0, 0.6, num_artists)
    artist = np.sort(rng.choice(num_artists, num_tracks, p=sizes / sizes.sum()))
    genre = artist_genre[artist]
    appeal = rng.normal(0.0, 0.5, num_artists)[artist] + rng.normal(0.0, 0.4, num_tracks)
    second_genre = _second_genres(rng, centres, genre)
    taste = artist_taste[artist] + 0.2 * rng.normal(size=(num_tracks, TASTE_WIDTH))
    taste[second_genre >= 0] += 0.3 * centres[second_genre[second_genre >= 0]]
    language = artist_language[artist]
    spoken = np.eye(len(LANGUAGES))[language]
    explicit_share = np.array([EXPLICIT_SHARES.get(name, 0.06) for name in GENRES])[genre]
    return Tracks(
        artist=artist,
        genre=genre,
        second_genre=second_genre,
        language=language,
        released_s=_release_times(rng, artist, start_s, end_s, premieres),
        explicit=(rng.random(num_tracks) < explicit_share) & (np.array(LANGUAGES)[language] != "instrumental"),
        artist_span=_spans(artist),
        genre_span=_spans(genre),
        factor=np.concatenate([_unit(taste), spoken, appeal[:, None]], axis=1),
        genre_centres=centres,
    )


def track_items(tracks: Tracks, end_s: int) -> pl.DataFrame:
    """The item table: title, genre (the main one first), language, artist, decade, freshness at the end of the log,
    explicit."""
    age_days = (end_s - tracks.released_s) / DAY_S
    freshness = np.where(age_days <= NEW_DAYS, "new", np.where(age_days <= RECENT_DAYS, "recent", "catalogue"))
    years = [datetime.fromtimestamp(second, UTC).year for second in tracks.released_s.tolist()]
    genres = [
        [GENRES[first]] + ([GENRES[second]] if second >= 0 else [])
        for first, second in zip(tracks.genre.tolist(), tracks.second_genre.tolist(), strict=True)
    ]
    artists = [f"artist-{artist:04d}" for artist in tracks.artist.tolist()]
    return pl.DataFrame(
        {
            "item_id": track_ids(tracks),
            "title": [f"Song {row} by Artist {artist}" for row, artist in enumerate(tracks.artist.tolist())],
            "genre": genres,
            "language": [[LANGUAGES[language]] for language in tracks.language.tolist()],
            "artist": [[artist] for artist in artists],
            "decade": [[f"{year // 10 * 10}s"] for year in years],
            "freshness": [[value] for value in freshness.tolist()],
            "explicit": [["yes" if flag else "no"] for flag in tracks.explicit.tolist()],
        }
    )


def track_ids(tracks: Tracks) -> list[str]:
    """The item ids in row order."""
    return [f"track-{row:05d}" for row in range(len(tracks))]


def _second_genres(rng: np.random.Generator, centres: np.ndarray, genre: np.ndarray) -> np.ndarray:
    """A neighbouring genre for a third of the tracks, else -1."""
    near = np.argsort(-(centres @ centres.T), axis=1)[:, 1:4]
    second = near[genre, rng.integers(0, near.shape[1], len(genre))]
    return np.where(rng.random(len(genre)) < 0.35, second, -1)


def _release_times(
    rng: np.random.Generator, artist: np.ndarray, start_s: int, end_s: int, premieres: float
) -> np.ndarray:
    """An artist's tracks follow its debut; half of the artists are less than 20 years old."""
    num_artists = int(artist.max()) + 1
    debut_years = rng.exponential(25.0, num_artists).clip(0.2, 60.0)
    age_s = debut_years[artist] * rng.random(len(artist)) * 365.25 * DAY_S
    released = (start_s - age_s).astype(np.int64)
    premiere = rng.random(len(artist)) < premieres
    return np.where(premiere, rng.integers(start_s, end_s, len(artist)), released)


def _spans(group: np.ndarray) -> np.ndarray:
    first = np.searchsorted(group, group, side="left")
    return np.stack([first, np.searchsorted(group, group, side="right")], axis=1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
