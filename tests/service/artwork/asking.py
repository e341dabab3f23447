"""Requests about covers as clients send them."""

import json


def search(service, **body):
    return answered(service.client.post("/artwork/search", json=body))


def send(service, path, image, **asked):
    """A form with the parts image and request."""
    files = {"image": ("cover.png", image, "image/png"), "request": (None, json.dumps(asked), "application/json")}
    return service.client.post(path, files=files)


def send_raw(service, path, image, media_type="image/png", **asked):
    """The image as the body."""
    return service.client.post(
        path, params={"request": json.dumps(asked)}, content=image, headers={"content-type": media_type}
    )


def answered(response):
    assert response.status_code == 200, response.text
    return response.json()


def problem(response, status, code):
    """The document of a problem, which is what it should be."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["code"] == code, document
    return document
