"""Publications: the public address of every data set, its hash where one is known, and the files to take out of it.

A publication without a hash is trusted on first use: its publisher names none, and none could be confirmed elsewhere.
"""

from dataclasses import dataclass

GROUPLENS = "https://files.grouplens.org/datasets"
AMAZON = "https://snap.stanford.edu/data/amazon/productGraph/categoryFiles"


@dataclass(frozen=True)
class Publication:
    """One downloadable file.

    digest: "sha256:..." or "md5:...", None where unknown. members: the files to keep of a zip or tar, by their name
    without folders; empty keeps the download itself.
    """

    address: str
    digest: str | None = None
    members: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """The name of the download."""
        return self.address.rsplit("/", 1)[1]

    @property
    def kept(self) -> tuple[str, ...]:
        """The names of the files that are there after a fetch."""
        return self.members or (self.file_name,)


def _amazon(category: str) -> tuple[Publication, ...]:
    return (
        Publication(f"{AMAZON}/reviews_{category}_5.json.gz"),
        Publication(f"{AMAZON}/meta_{category}.json.gz"),
    )


PUBLICATIONS: dict[str, tuple[Publication, ...]] = {
    "amazon-beauty": _amazon("Beauty"),
    "amazon-sports": _amazon("Sports_and_Outdoors"),
    "amazon-toys": _amazon("Toys_and_Games"),
    "lastfm-hetrec2011": (
        Publication(
            f"{GROUPLENS}/hetrec2011/hetrec2011-lastfm-2k.zip",
            "sha256:6738f48195667ff03caaab4d32ca9a3133d8cc026b7c3cdaf6ce1010e913c59c",
            ("user_artists.dat", "artists.dat", "tags.dat", "user_taggedartists.dat"),
        ),
    ),
    "lastfm-1k": (
        Publication(
            "https://zenodo.org/records/6090214/files/lastfm-dataset-1K.tar.gz",
            "md5:a79a6808f54f73354789a9fb02cb1e41",
            ("userid-timestamp-artid-artname-traid-traname.tsv",),
        ),
    ),
    # The name is stable, the content may be refreshed: the hash is that of the edition of 9/2018.
    "movielens-latest-small": (
        Publication(
            f"{GROUPLENS}/movielens/ml-latest-small.zip",
            "sha256:696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
            ("ratings.csv", "movies.csv"),
        ),
    ),
    "movielens-100k": (
        Publication(f"{GROUPLENS}/movielens/ml-100k.zip", "md5:0e33842e24a9c977be4e0107933c0723", ("u.data", "u.item")),
    ),
    "movielens-1m": (
        Publication(
            f"{GROUPLENS}/movielens/ml-1m.zip", "md5:c4d9eecfca2ab87c1945afe126590906", ("ratings.dat", "movies.dat")
        ),
    ),
}
