from loadtest.speed import served_cell
from loadtest.speed.cell import CONCURRENCIES, Cell
from loadtest.speed.servers import PATIENT
from service.settings import Settings


def test_settings_that_the_service_lacks_are_left_out(monkeypatch):
    cold = Cell(10, cache="cold", workers=2)
    monkeypatch.setattr(served_cell.Settings, "model_fields", {"state_cache_bytes": None})
    assert served_cell.service_settings(cold) == {"REC_STATE_CACHE_BYTES": "0"}
    monkeypatch.setattr(served_cell.Settings, "model_fields", {"workers": None})
    assert served_cell.service_settings(cold) == {"REC_WORKERS": "2"}
    assert served_cell.service_settings(Cell(10)) == {}


def test_no_cell_asks_more_at_once_than_is_always_let_in():
    lowest = int(served_cell.service_settings(Cell(10))["REC_MIN_CONCURRENT_REQUESTS"])
    assert max(CONCURRENCIES) <= lowest <= Settings.model_fields["max_concurrent_requests"].default


def test_the_size_of_a_release_is_its_catalogues(release_root):
    assert served_cell.num_items(release_root) == 400


def test_patience_is_asked_of_settings_that_exist():
    assert {name.removeprefix("REC_").lower() for name in PATIENT} <= set(Settings.model_fields)
