import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.item_codec import StoredItem, pack_item, unpack_item

TEXTS = st.text(max_size=8)
ITEMS = st.builds(StoredItem, st.none() | TEXTS, st.dictionaries(TEXTS, st.lists(TEXTS, max_size=4), max_size=4))


@given(ITEMS)
def test_an_item_comes_back_in_its_one_form(item):
    packed = pack_item(item)
    again = unpack_item(packed.encode("utf-8", "surrogatepass"))
    assert pack_item(again) == packed
    assert again.title == item.title
    assert {name: set(values) for name, values in again.attributes.items()} == {
        name: set(values) for name, values in item.attributes.items() if values
    }


@given(ITEMS, st.randoms())
def test_what_is_said_in_another_order_is_the_same(item, random):
    names = list(item.attributes)
    random.shuffle(names)
    shuffled = {name: random.sample(list(item.attributes[name]), len(item.attributes[name])) for name in names}
    assert pack_item(StoredItem(item.title, shuffled)) == pack_item(item)


@pytest.mark.parametrize(
    "packed", [b"", b"[]", b'{"title": 1, "attributes": {}}', b'{"title": null, "attributes": {"a": [1]}}']
)
def test_anything_else_is_refused(packed):
    with pytest.raises(ValueError, match=r"expected|Expecting"):
        unpack_item(packed)
