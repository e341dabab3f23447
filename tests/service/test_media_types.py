"""Content negotiation after RFC 9110."""

import pytest

from service.errors import NotAcceptableError
from service.media_types import COLUMNS, JSON, accepted


@pytest.mark.parametrize(
    ("header", "answered"),
    [
        ("", JSON),
        (" ", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("Application/JSON; charset=utf-8", JSON),
        (COLUMNS, COLUMNS),
        (COLUMNS.upper(), COLUMNS),
        (f"{COLUMNS}, */*;q=0.1", COLUMNS),
        (f"*/*, {COLUMNS};q=0.9", JSON),
        (f"{COLUMNS}, application/json", JSON),
        (f"application/json;q=0.5, {COLUMNS};q=0.8", COLUMNS),
        (f"application/json;q=0, {COLUMNS}", COLUMNS),
        ("application/json;q=0, */*;q=0.2", COLUMNS),
        ("text/html, application/json;q=many", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
    ],
)
def test_the_form_a_client_likes_best(header, answered):
    assert accepted(header) == answered


@pytest.mark.parametrize("header", ["text/html", "*/*;q=0", "application/jso", "application/json;q=0", ",", "text/*"])
def test_no_form_that_a_client_takes(header):
    with pytest.raises(NotAcceptableError, match="application/json"):
        accepted(header)
