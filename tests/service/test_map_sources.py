import numpy as np

from model.artwork.segment import Segment
from service.map_sources import Entry, RecommenderItems, ReleaseCovers
from tests.model.artwork.libraries import made_up_covers, replaced


def covers_with_copies():
    """Twelve covers of which every third shows the picture of the one before."""
    covers, vectors, prepared = made_up_covers(12)
    covers = [
        replaced(cover, picture=covers[row - 1 if row % 3 == 2 else row].image_sha256)
        for row, cover in enumerate(covers)
    ]
    return ReleaseCovers("covers-1", Segment.build(covers, ["style-0"] * 12, vectors, prepared))


def test_a_picture_lies_on_the_map_once_under_its_first_cover():
    source = covers_with_copies()
    vectors, rows = source.vectors(100)
    assert sorted(rows.tolist()) == [row for row in range(12) if row % 3 != 2]
    np.testing.assert_array_equal(vectors, source.covers.vectors[rows])


def test_fewer_covers_are_the_first_of_more():
    source = covers_with_copies()
    np.testing.assert_array_equal(source.vectors(3)[1], source.vectors(100)[1][:3])


def test_a_cover_tells_its_artist_and_what_may_name_its_region():
    source = covers_with_copies()
    assert source.entry(3) == Entry("cover-3", "Album 3", "Artist 3")
    assert source.entry(4) == Entry("cover-4", "Album 4", None)
    assert dict(source.values(4))["genre"] == "pop"
    assert "cover_style" not in dict(source.values(4))
    assert "cover_style" in source.covers.catalogue.describe(4)


def test_items_are_the_most_popular(running):
    source = RecommenderItems(running.service.releases.served)
    vectors, rows = source.vectors(7)
    popularity = running.retriever.popularity
    assert popularity[rows].tolist() == sorted(popularity.tolist(), reverse=True)[:7]
    np.testing.assert_array_equal(vectors, np.asarray(running.retriever.vectors)[rows])
    assert source.entry(3) == Entry(running.catalogue.item_ids[3], running.catalogue.titles[3], None)
