"""Check: whether the answers are what the service promises, judged by the data and not by the service's own word."""

from collections.abc import Mapping, Sequence

from deploy.demo.conversation import Answer
from deploy.demo.listeners import Company, Listener


def faults_of(
    answer: Answer, listener: Listener, company: Company, values: Mapping[str, frozenset[str]], k: int
) -> list[str]:
    """What is wrong with one answer; empty where it keeps every promise."""
    faults = []
    if answer["source"] != "model":
        faults.append(f"expected source model, got {answer['source']} ({answer['source_reason']})")
    heard = {item_id for item_id, _ in listener.events}
    wanted = [company.first.favourite, company.second.favourite]
    if len(answer["groups"] or ()) != len(wanted):
        return [*faults, f"expected {len(wanted)} lists, got {len(answer['groups'] or ())}"]
    for value, group, eligible in zip(wanted, answer["groups"], answer["eligible"], strict=True):
        ids = [item["item_id"] for item in group["items"]]
        broken = [item_id for item_id in ids if value not in values[item_id]]
        if not ids or len(ids) != min(k, eligible):
            faults.append(f"{value}: expected {min(k, eligible)} items, at least one, got {len(ids)}")
        if broken:
            faults.append(f"{value}: {len(broken)} of {len(ids)} items do not satisfy the instruction: {broken}")
        if len(set(ids)) != len(ids):
            faults.append(f"{value}: an item appears twice")
        if heard & set(ids):
            faults.append(f"{value}: items the listener has heard already: {sorted(heard & set(ids))}")
    return faults


def overlaps(first: Answer, second: Answer) -> list[float]:
    """Per instruction, the share of the first listener's items that the second gets too."""
    shares = []
    for one, other in zip(first["groups"], second["groups"], strict=True):
        ids, others = ({item["item_id"] for item in group["items"]} for group in (one, other))
        shares.append(len(ids & others) / max(1, len(ids)))
    return shares


def personalisation_faults(shares: Sequence[float]) -> list[str]:
    """A fault where both listeners get the same items for every instruction."""
    return ["expected different lists for different listeners, got the same items"] if min(shares) >= 1.0 else []
