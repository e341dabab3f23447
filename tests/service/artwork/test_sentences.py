import threading

import pytest

from service.artwork.sentences import KnownSentences


def test_a_sentence_is_encoded_once_and_the_oldest_is_forgotten():
    calls = []
    known = KnownSentences(lambda sentence: calls.append(sentence) or sentence.upper(), max_kept=2)
    assert [known.of(one) for one in ("a", "b", "a", "c", "a", "b")] == ["A", "B", "A", "C", "A", "B"]
    assert calls == ["a", "b", "c", "b"]
    assert len(known) == 2


def test_a_failure_is_not_kept():
    def fail(sentence):
        raise ValueError(sentence)

    known = KnownSentences(fail)
    for _ in range(2):
        with pytest.raises(ValueError, match="x"):
            known.of("x")
    assert len(known) == 0


def test_many_threads_get_the_same():
    known = KnownSentences(str.upper, max_kept=3)
    found = []
    threads = [
        threading.Thread(target=lambda: found.extend(known.of(str(one % 7)) == str(one % 7) for one in range(300)))
        for _ in range(4)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 1200
    assert all(found)
