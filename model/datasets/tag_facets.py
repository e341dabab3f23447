"""Free listener tags -> genre, locale, decade, voice of an artist, by a fixed word list."""

from collections.abc import Mapping

import polars as pl

GENRE_SHARE = 0.2
MIN_TAGGERS = 2

# A tag counts for every genre that one of whose words it contains as a whole word; longer phrases are listed where the
# bare word would mislead ("soundtrack" yes, "score" no).
GENRE_WORDS = {
    "rock": ("rock", "grunge", "rock n roll", "psychedelic", "britpop"),
    "indie": ("indie", "lo-fi", "shoegaze", "twee", "dream pop", "indietronica"),
    "alternative": ("alternative", "gothic", "goth", "new wave", "post-punk", "emo", "darkwave", "industrial"),
    "metal": ("metal", "metalcore", "deathcore", "thrash", "doom", "grindcore"),
    "punk": ("punk", "hardcore", "screamo", "post-hardcore", "ska punk", "oi"),
    "pop": ("pop", "synthpop", "electropop", "j-pop", "k-pop", "power pop", "boyband"),
    "electronic": (
        "electronic",
        "electronica",
        "electro",
        "techno",
        "house",
        "trance",
        "dance",
        "drum and bass",
        "idm",
        "dubstep",
        "breakbeat",
        "ebm",
        "synth",
    ),
    "ambient": ("ambient", "downtempo", "chillout", "trip-hop", "new age", "lounge", "drone"),
    "hip-hop": ("hip-hop", "hip hop", "rap", "hiphop", "gangsta", "crunk", "grime"),
    "rnb-soul": ("rnb", "r&b", "soul", "funk", "motown", "neo-soul", "disco"),
    "jazz": ("jazz", "swing", "bebop", "bossa nova", "fusion", "big band"),
    "blues": ("blues", "delta blues"),
    "folk": ("folk", "singer-songwriter", "acoustic", "celtic", "americana"),
    "country": ("country", "bluegrass", "alt-country", "honky tonk"),
    "classical": ("classical", "opera", "baroque", "piano", "orchestral", "contemporary classical", "composer"),
    "soundtrack": ("soundtrack", "soundtracks", "musical", "ost", "film music", "video game music"),
    "reggae": ("reggae", "ska", "dub", "dancehall", "reggaeton"),
    "world-latin": ("latin", "world", "salsa", "samba", "mpb", "flamenco", "tango", "cumbia", "world music"),
    "experimental": ("experimental", "noise", "avant-garde", "post-rock", "math rock", "industrial noise", "free jazz"),
}
LOCALE_TAGS = {
    "uk": ("british", "uk", "england", "english", "scottish", "welsh", "britpop"),
    "us": ("american", "usa", "us", "california", "new york"),
    "br": ("brazilian", "brasil", "brazil", "mpb"),
    "jp": ("japanese", "j-pop", "j-rock", "jpop", "jrock", "japan", "visual kei"),
    "de": ("german", "deutsch", "germany"),
    "fr": ("french", "france", "chanson"),
    "ca": ("canadian", "canada"),
    "latin": ("latin", "latino", "latin pop"),
    "se": ("swedish", "sweden"),
    "ru": ("russian", "russia"),
    "kr": ("korean", "k-pop", "kpop"),
    "pl": ("polish", "poland", "polskie"),
    "it": ("italian", "italy", "italia"),
    "es": ("spanish", "spain", "espanol"),
    "au": ("australian", "australia", "aussie"),
    "tr": ("turkish", "turkey", "turkce"),
    "fi": ("finnish", "finland", "suomi"),
    "is": ("icelandic", "iceland"),
    "no": ("norwegian", "norway"),
    "ie": ("irish", "ireland"),
    "mx": ("mexican", "mexico"),
    "nl": ("dutch", "netherlands"),
}
DECADE_TAGS = {
    "50s": ("50s", "50's", "1950s", "fifties"),
    "60s": ("60s", "60's", "1960s", "sixties"),
    "70s": ("70s", "70's", "1970s", "seventies"),
    "80s": ("80s", "80's", "1980s", "eighties"),
    "90s": ("90s", "90's", "1990s", "nineties"),
    "00s": ("00s", "00's", "2000s", "2000's"),
}
VOICE_TAGS = {
    "female": ("female vocalists", "female vocalist", "female vocals", "female fronted metal", "female"),
    "male": ("male vocalists", "male vocalist", "male vocals", "male"),
}
FACET_TAGS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "locale": LOCALE_TAGS,
    "decade": DECADE_TAGS,
    "voice": VOICE_TAGS,
}


def facets_of_tags(taggings: pl.DataFrame) -> pl.DataFrame:
    """item_id, tag, users (how many gave it) -> item_id with list columns genre, locale, decade, voice.

    genre: every genre with at least a fifth of the item's genre weight, heaviest first. The other facets: the one value
    that most listeners gave, at least two of them.
    """
    tags = taggings.with_columns(pl.col("tag").str.to_lowercase().str.strip_chars())
    facets = tags.select("item_id").unique(maintain_order=True).join(_genres(tags), on="item_id", how="left")
    for facet, values in FACET_TAGS.items():
        votes = _votes(tags, _exact(values), facet).filter(pl.col("users") >= MIN_TAGGERS)
        top = votes.group_by("item_id", maintain_order=True).agg(pl.col(facet).first())
        facets = facets.join(top.select("item_id", pl.concat_list(facet)), on="item_id", how="left")
    return facets


def _genres(tags: pl.DataFrame) -> pl.DataFrame:
    words = tags.select("tag").unique()
    matches = [
        words.filter(pl.col("tag").str.contains(_whole_words(listed))).with_columns(pl.lit(genre).alias("genre"))
        for genre, listed in GENRE_WORDS.items()
    ]
    votes = _votes(tags, pl.concat(matches), "genre")
    share = pl.col("users") / pl.col("users").sum().over("item_id")
    return votes.filter(share >= GENRE_SHARE).group_by("item_id", maintain_order=True).agg("genre")


def _whole_words(words: tuple[str, ...]) -> str:
    escaped = "|".join(word.replace("&", r"\&") for word in sorted(words, key=len, reverse=True))
    return rf"(?:^|[^\w&])(?:{escaped})(?:$|[^\w&])"


def _exact(values: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    pairs = [(tag, value) for value, listed in values.items() for tag in listed]
    return pl.DataFrame(pairs, schema=["tag", "value"], orient="row").unique("tag", keep="first", maintain_order=True)


def _votes(tags: pl.DataFrame, matches: pl.DataFrame, facet: str) -> pl.DataFrame:
    """item_id, facet value, users; the value with most users first, ties by name."""
    named = matches.rename({matches.columns[1]: facet})
    return (
        tags.join(named, on="tag", how="inner")
        .group_by("item_id", facet)
        .agg(pl.col("users").sum())
        .sort("item_id", "users", facet, descending=[False, True, False])
    )
