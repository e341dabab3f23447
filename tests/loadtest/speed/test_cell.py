import itertools

from loadtest.speed.cell import SATURATION, Cell, matrix


def test_names_tell_cells_apart():
    cells = matrix([12_000, 1_000_000], workers=1)
    assert len({cell.name for cell in cells}) == len(set(cells)) == len(cells)


def test_what_the_goals_compare_is_measured():
    cells = set(matrix([12_000, 1_000_000], workers=2))
    for concurrency in (1, SATURATION):
        for wanted in (
            Cell(12_000, workers=2, concurrency=concurrency),
            Cell(12_000, cache="cold", workers=2, concurrency=concurrency),
            Cell(12_000, conditions=8, workers=2, concurrency=concurrency),
            Cell(12_000, history_events=1_000, workers=2, concurrency=concurrency),
            Cell(1_000_000, workers=2, concurrency=concurrency),
        ):
            assert wanted in cells


def test_other_catalogues_get_the_goal_alone():
    assert {cell.conditions for cell in matrix([1, 2], 1) if cell.num_items == 2} == {0, 4}


def test_a_cell_comes_back_from_its_row():
    cell = Cell(12_000, cache="cold", answer="columnar")
    assert Cell(**cell.to_json()) == cell


def test_cells_of_one_server_stand_together():
    servers = [cell.server for cell in matrix([1, 2], 1)]
    changes = sum(a != b for a, b in itertools.pairwise(servers))
    assert changes == len(set(servers)) - 1
