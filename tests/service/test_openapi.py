"""The OpenAPI document against the running service: its examples run, and nothing answers outside of it."""

import os
import subprocess
import sys

import pytest

EXAMPLES_PER_OPERATION = 40


@pytest.fixture(scope="module")
def document(running):
    return running.client.get("/openapi.json").json()


def test_every_example_runs(running, document):
    ran = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = operation.get("parameters", [])
            address = path
            asked = {one["name"]: one["example"] for one in parameters if one["in"] == "query" and one["required"]}
            for parameter in parameters:
                if parameter["in"] == "path":
                    address = address.replace("{" + parameter["name"] + "}", parameter["example"])
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            bodies = [example["value"] for example in content.get("examples", {}).values()] or [None]
            for body in bodies:
                response = running.client.request(method, address, params=asked, json=body)
                assert response.status_code == 200, (method, address, response.text)
                ran += 1
    assert ran >= 12


def test_examples_show_real_instructions(running, document):
    examples = document["paths"]["/recommend"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    answer = running.answer(**examples["instructions"]["value"])
    assert (answer["source"], len(answer["instructions"]), len(answer["items"])) == ("model", 2, 10)


def test_every_error_is_a_problem_document(document):
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status != "200":
                    assert list(response["content"]) == ["application/problem+json"]


def test_limits_are_in_the_document(running, document):
    properties = document["components"]["schemas"]["RecommendRequest"]["properties"]
    limits = running.service.settings
    assert properties["k"]["maximum"] == limits.max_k
    assert properties["history"]["maxItems"] == limits.max_history_events
    assert document["components"]["schemas"]["IngestRequest"]["properties"]["events"]["maxItems"] == 1000


CONFIG = f"""
seed = 20261124
[generation]
max-examples = {EXAMPLES_PER_OPERATION}
database = "none"
deterministic = true
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "404", "409", "415", "422"]
# A posted item is not there before the sidecar has made a release with it.
[checks.ensure_resource_availability]
enabled = false
[checks.negative_data_rejection]
expected-statuses = ["400", "404", "405", "413", "415", "422"]
"""


def test_nothing_outside_of_the_document_happens(running, tmp_path):
    """All checks and all phases of schemathesis: examples, boundaries of the schema, random and wrong data, links."""
    check_document(running, tmp_path)


def test_nothing_outside_of_the_document_happens_with_covers(own_covers, tmp_path):
    check_document(own_covers, tmp_path)


def test_nothing_outside_of_the_document_happens_with_descriptions(describing, tmp_path):
    check_document(describing, tmp_path, "--include-path-regex", "^/faces/(describe|regions)$")


def test_nothing_outside_of_the_document_happens_with_faces(faces, tmp_path):
    check_document(faces, tmp_path, "--include-path-regex", r"^/(faces/aus|artwork/(search/aus|.*/faces)|listener/.*)$")


def test_every_example_about_covers_runs(covers):
    paths = covers.client.get("/openapi.json").json()["paths"]
    examples = paths["/artwork/search"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        assert covers.client.post("/artwork/search", json=example["value"]).json()["results"]
    artwork_id = paths["/artwork/{artwork_id}"]["get"]["parameters"][0]["example"]
    assert covers.client.get(f"/artwork/{artwork_id}").status_code == 200


def check_document(running, tmp_path, *options):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(tmp_path / "schemathesis.toml")]
    command += ["run", f"{running.base_url}/openapi.json", "--no-color", *options]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.service.beyond_schema", "PYTHONPATH": os.getcwd()}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert finished.returncode == 0, finished.stdout + finished.stderr
