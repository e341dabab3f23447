import json
import threading

import pytest

from loadtest.speed.driver import drive, http_request, main
from tests.loadtest.speed.answering import answering

GOOD = (200, b'{"source":"model"}', {"Server-Timing": "parse;dur=0.5, total;dur=2.0"})


def ask(port, bodies, **options):
    address = ("127.0.0.1", port)
    requests = [http_request(address, "/recommend", body) for body in bodies]
    return drive(address, requests, **({"connections": 1, "seconds": 30.0} | options))


def test_every_body_is_sent_in_turn_until_the_count_is_reached():
    seen = []

    def answer(body):
        seen.append(body)
        return GOOD

    with answering(answer) as port:
        outcome = ask(port, [b"0", b"1", b"2"], count=5, start=2)
    assert seen == [b"2", b"0", b"1", b"2", b"0"]
    assert (outcome.answers, outcome.faults) == (5, {})


def test_as_many_requests_are_under_way_as_there_are_connections():
    together = threading.Barrier(4, timeout=20)

    def answer(_):
        together.wait()
        return GOOD

    with answering(answer) as port:
        assert ask(port, [b"x"], connections=4, count=8).answers == 8


def test_no_more_requests_are_sent_than_were_asked_for():
    with answering(lambda _: GOOD) as port:
        assert ask(port, [b"x"], connections=16, count=3).answers == 3


def test_a_run_ends_when_its_time_is_over():
    with answering(lambda _: GOOD) as port:
        outcome = ask(port, [b"x"], connections=2, seconds=0.2)
    assert outcome.answers > 2
    assert outcome.seconds >= 0.2


def test_refusals_and_unexpected_answers_are_faults():
    replies = iter([GOOD, (503, b"{}", {}), (200, b'{"source":"fallback"}', {})])
    with answering(lambda _: next(replies)) as port:
        outcome = ask(port, [b"x"], count=3, expected=b'"source":"model"')
    assert outcome.faults == {"status 503": 1, 'an answer without "source":"model"': 1}


def test_stages_are_averaged_over_the_answers():
    timings = iter(["a;dur=1.0, b;dur=4", "a;dur=3.0, b;dur=2"])
    with answering(lambda _: (200, b"{}", {"server-timing": next(timings)})) as port:
        outcome = ask(port, [b"x"], count=2)
    assert outcome.stages_ms == {"a": 2.0, "b": 3.0}
    assert set(outcome.latencies_ms) == {"p50", "p90", "p99"}


def test_large_answers_are_read_to_their_end():
    body = b"y" * 3_000_000
    with answering(lambda _: (200, body, {})) as port:
        outcome = ask(port, [b"x"], count=2)
    assert outcome.answer_bytes > len(body)
    assert outcome.answers == 2


def test_a_server_that_hangs_up_is_an_error():
    with answering(lambda _: None) as port, pytest.raises(ConnectionError):
        ask(port, [b"x"], count=1)


def test_the_command_prints_the_outcome(tmp_path, capsys):
    bodies = tmp_path / "bodies.jsonl"
    bodies.write_text('{"a":1}\n{"a":2}\n')
    seen = []

    def answer(body):
        seen.append(json.loads(body))
        return GOOD

    with answering(answer) as port:
        url = f"http://127.0.0.1:{port}/recommend"
        assert main(["--url", url, "--bodies", str(bodies), "--count", "2", "--expect", "model"]) == 0
    assert json.loads(capsys.readouterr().out)["answers"] == 2
    assert seen == [{"a": 1}, {"a": 2}]


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    bodies = tmp_path / "bodies.jsonl"
    bodies.write_text("")
    assert main(["--url", "http://127.0.0.1:1/x", "--bodies", str(bodies)]) == 2
    bodies.write_text("{}\n")
    assert main(["--url", "127.0.0.1:1", "--bodies", str(bodies)]) == 2
    assert "at least one body" in (told := capsys.readouterr().err)
    assert "expected an address" in told
