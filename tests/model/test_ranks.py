"""Ranks: what passes between processes arrives where it should, gradients included."""

import torch
from torch.nn import functional

from model.ranks import Ranks, joined
from tests.model.processes import on_ranks

TABLE = torch.randn(11, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
BOUNDS = [0, 3, 3, 11]  # the second rank owns nothing
ASKED = [torch.tensor([10, 0, 0, 5]), torch.tensor([2, 10, 2]), torch.tensor([], dtype=torch.int64)]


def exchange(ranks):
    table = TABLE[BOUNDS[ranks.rank] : BOUNDS[ranks.rank + 1]].clone().requires_grad_()
    rows = ASKED[ranks.rank]
    owner = torch.searchsorted(torch.tensor(BOUNDS[1:]), rows, right=True)
    found = ranks.lookup(table, owner, rows - torch.tensor(BOUNDS)[owner])
    (found * (rows[:, None] + 1)).sum().backward()
    return {
        "found": found.detach().numpy(),
        "gradient": table.grad.numpy(),
        "gathered": ranks.gathered(rows).numpy(),
        "total": ranks.total(ranks.rank + 0.5),
        "counts": ranks.counts(ranks.rank * 2),
        "greatest": ranks.greatest(torch.tensor([float(ranks.rank), -1.0 * ranks.rank])).tolist(),
        "of_leader": ranks.of_leader(torch.tensor([ranks.rank + 7])).tolist(),
        "leads": ranks.leads,
    }


def test_three_ranks_exchange_rows_numbers_and_gradients():
    answers = on_ranks(3, exchange)
    table = TABLE.clone().requires_grad_()
    everything = torch.cat(ASKED)
    (functional.embedding(everything, table) * (everything[:, None] + 1)).sum().backward()
    for rank, answer in enumerate(answers):
        assert torch.equal(torch.from_numpy(answer["found"]), TABLE[ASKED[rank]])
        assert torch.equal(torch.from_numpy(answer["gradient"]), table.grad[BOUNDS[rank] : BOUNDS[rank + 1]])
        assert answer["gathered"].tolist() == everything.tolist()
        assert answer["total"] == 4.5
        assert answer["counts"] == [0, 2, 4]
        assert answer["greatest"] == [2.0, 0.0]
        assert answer["of_leader"] == [7]
        assert answer["leads"] == (rank == 0)


def test_alone_nothing_is_exchanged(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined("cpu") as ranks:
        assert ranks.alone
        assert ranks.leads
        table = TABLE.clone().requires_grad_()
        found = ranks.lookup(table, torch.zeros(2, dtype=torch.int64), torch.tensor([4, 4]))
        found.sum().backward()
        assert torch.equal(table.grad[4], torch.full((4,), 2.0, dtype=torch.float64))
        assert ranks.gathered(TABLE) is TABLE
        assert (ranks.total(3), ranks.counts(5)) == (3, [5])
    assert isinstance(ranks, Ranks)
