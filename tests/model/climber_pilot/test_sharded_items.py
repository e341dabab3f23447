"""ShardedItemEncoder: the same vectors and gradients as the whole encoder, wherever an item's ids hash to."""

import pytest
import torch

from model.climber_pilot.config import NetworkConfig
from model.climber_pilot.item_encoder import ItemEncoder
from model.climber_pilot.sharded_items import ShardedItemEncoder
from model.ranks import Ranks
from tests.model.climber_pilot.worlds import small_catalogue
from tests.model.processes import on_ranks

# Several hashes into few buckets: items share rows, and rows of one item live on different ranks.
CONFIG = NetworkConfig(width=8, id_hashes=3, id_buckets=23, item_combine="project", title_buckets=64)
ROWS = [torch.tensor([39, 0, 7, 7]), torch.tensor([1, 39])]


def whole_encoder():
    torch.manual_seed(3)
    return ItemEncoder(CONFIG, small_catalogue()).double()


def encode(ranks):
    items = ShardedItemEncoder(whole_encoder(), ranks)
    vectors = items()
    weights = torch.arange(1.0, 9.0, dtype=torch.float64)
    (items.lookup(vectors, ROWS[ranks.rank]) * weights).sum().backward()
    gradients = {name: parameter.grad.numpy() for name, parameter in items.named_parameters()}
    items.eval()
    with torch.no_grad():
        return items().numpy(), gradients, items.sharded


def test_two_ranks_encode_what_one_encodes():
    answers = on_ranks(2, encode)
    whole = whole_encoder()
    vectors = whole()
    (vectors[torch.cat(ROWS)] * torch.arange(1.0, 9.0, dtype=torch.float64)).sum().backward()
    for found, _, sharded in answers:
        torch.testing.assert_close(torch.from_numpy(found), vectors.detach(), rtol=1e-12, atol=1e-12)
        assert sharded == {"id_embedding.weight"}
    for name, parameter in whole.named_parameters():
        own = [torch.from_numpy(gradients[name]) for _, gradients, _ in answers]
        found = torch.cat(own) if name == "id_embedding.weight" else own[0] + own[1]
        torch.testing.assert_close(found, parameter.grad, rtol=1e-12, atol=1e-12)


def test_more_ranks_than_ids_are_refused():
    config = NetworkConfig(width=8, num_heads=1, id_buckets=2)
    with pytest.raises(ValueError, match="expected at least as many ids as ranks, got 2 rows for 3"):
        ShardedItemEncoder(ItemEncoder(config, small_catalogue()), Ranks(0, 3))
