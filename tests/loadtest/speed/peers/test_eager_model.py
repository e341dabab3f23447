import numpy as np
import pytest

from loadtest.speed.listeners import Listeners
from loadtest.speed.peers.agreement import agreement
from loadtest.speed.peers.eager_model import EagerModel, Question
from model.climber_pilot.inference import History, RetrievalRequest, Retriever
from model.release import current_release
from service.slate import merge_slate


@pytest.fixture(scope="module")
def model(release_root):
    return EagerModel(release_root)


@pytest.fixture(scope="module")
def questions(release_root):
    listeners = Listeners.of_release(release_root, 40, number=6)
    asked = [listeners.questions(number, history_in_body=True) for number in (0, 1, 4)]
    return [Question.model_validate(body) for bodies in asked for body in bodies[:6]]


def served(retriever, question):
    """The list that the service shows."""
    catalogue = retriever.catalogue
    rows = np.array([catalogue.row_of[event.item_id] for event in question.history])
    history = History(rows, np.array([event.event_time_s for event in question.history]))
    conditions = tuple(catalogue.condition(one.where) for one in question.instructions) or (catalogue.condition({}),)
    request = RetrievalRequest(
        history, conditions, question.k, excluded=np.unique(rows), time_s=question.request_time_s
    )
    (lists,) = retriever.retrieve([request])
    slate = merge_slate([one.rows for one in lists], [one.scores for one in lists], [0] * len(lists), question.k)
    return [catalogue.item_ids[row] for row in slate.rows]


def test_the_plain_way_gives_the_lists_of_the_service(release_root, model, questions):
    retriever = Retriever.load(current_release(release_root))
    ours = [served(retriever, question) for question in questions]
    theirs = [[item.item_id for item in model.answer([question])[0]] for question in questions]
    assert agreement(ours, theirs) >= 0.99


def test_a_batch_answers_like_single_questions(model, questions):
    batch = model.answer(questions)
    for items, question in zip(batch, questions, strict=True):
        (alone,) = model.answer([question])
        assert agreement([[one.item_id for one in items]], [[one.item_id for one in alone]]) >= 0.99


def test_nobody_gets_an_item_of_the_history_or_outside_its_condition(model, questions):
    for items, question in zip(model.answer(questions), questions, strict=True):
        assert not {item.item_id for item in items} & {event.item_id for event in question.history}
        for item in items:
            if question.instructions:
                (wanted,) = question.instructions[item.instruction].where["genre"]["any"]
                assert wanted in model.catalogue.describe(model.catalogue.row_of[item.item_id])["genre"]


def test_a_history_without_a_known_item_is_refused(model, questions):
    with pytest.raises(ValueError, match="known item"):
        model.answer([questions[0].model_copy(update={"history": []})])
