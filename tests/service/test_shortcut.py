"""The busiest path goes round the router and nobody can tell."""

import dataclasses

from fastapi import APIRouter

from service.app import ROUTES, SHORTCUTS
from tests.service.running import serving, settings_for
from tests.service.test_request import check_problem


def test_a_shortcut_leads_where_the_router_would():
    routed = {
        (method, route.path): route.endpoint
        for module in ROUTES
        for route in module.router.routes
        if isinstance(module.router, APIRouter)
        for method in getattr(route, "methods", ())  # a WebSocket has none
    }
    assert SHORTCUTS
    assert {key: routed[key] for key in SHORTCUTS} == SHORTCUTS


def test_other_methods_and_paths_are_routed(running):
    response = running.client.get("/recommend")
    check_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"
    check_problem(running.client.post("/recommend/"), 404, "not_found")


def test_refusals_are_counted(running):
    before = running.metric("rec_problems_total", code="invalid_request")
    check_problem(running.recommend(k=0), 422, "invalid_request")
    assert running.metric("rec_problems_total", code="invalid_request") == before + 1


def test_items_that_miss_their_instruction_are_told_and_counted(release_root, redis_server, history, monkeypatch):
    """A search that lets anything through in strict mode does not get past the check."""
    # A service of its own: for the shared one no test may ever find the counter above 0.
    with serving(settings_for(release_root, redis_server.url)) as running:
        search = running.retriever.retrieve

        def careless(requests):
            return search([dataclasses.replace(request, mode="guided") for request in requests])

        monkeypatch.setattr(running.retriever, "retrieve", careless)
        genre = running.catalogue.attributes["genre"].values[0]
        answer = running.answer(history=history, k=50, instructions=[{"where": {"genre": {"any": [genre]}}}])
        missed = [item["item_id"] for item in answer["items"] if genre not in item["attributes"].get("genre", [])]
        assert missed
        assert [item["item_id"] for item in answer["items"] if not item["satisfies_instruction"]] == missed
        assert running.metric("rec_noncompliant_items_total") == len(missed)
