from dataclasses import replace

from loadtest.speed.cell import Cell
from loadtest.speed.plots import plot_costs, plot_stages
from loadtest.speed.table import cost_table, goal_table, stage_table

GOAL = Cell(12_000, concurrency=16)


def row(cell, cost_us):
    figures = {
        "server_cpu_us_per_request": cost_us,
        "redis_cpu_us_per_request": 50.0,
        "throughput_per_s": 1e6 / cost_us,
        "latencies_ms": {"p50": 1.0, "p90": 2.0, "p99": 3.0},
        "stages_ms": {"parse": 0.1, "retrieval": 0.25, "total": 0.5},
        "pss_mib": [100.0, 300.0],
    }
    return {"name": cell.name, "cell": cell.to_json(), "figures": figures}


def test_goals_are_judged_by_the_measured_cost():
    rows = [row(GOAL, 800.0), row(replace(GOAL, cache="cold"), 3500.0)]
    rows += [row(replace(GOAL, conditions=1), 500.0), row(replace(GOAL, conditions=8), 700.0)]
    rows += [row(replace(GOAL, num_items=1_000_000), 2_500.0)]
    lines = goal_table(rows).splitlines()
    assert "| warm request, P = 4, history 100 | 800 CPU us | 900 CPU us | yes |" in lines
    assert "| cold request, P = 4, history 100 | 3,500 CPU us | 3,000 CPU us | no |" in lines
    assert "| P = 8 to P = 1 | 1.40 x | 1.5 x | yes |" in lines
    assert "| 1,000,000 items to 12,000 | 3.12 x | 3 x | no |" in lines


def test_a_goal_without_figures_is_left_out():
    assert len(goal_table([row(GOAL, 800.0)]).splitlines()) == 3
    assert len(goal_table([]).splitlines()) == 2


def test_cost_is_listed_per_cell():
    table = cost_table([row(GOAL, 812.4), row(replace(GOAL, conditions=0), 400.0)])
    assert "| 12,000 | warm | 4 | 100 stored | json | 1 | 16 | 812 | 50 | 1,231 | 1.0 / 3.0 | 300 |" in table
    assert "| none |" in table


def test_stages_are_of_one_request_at_a_time():
    table = stage_table([row(GOAL, 800.0), row(replace(GOAL, concurrency=1), 900.0)])
    assert len(table.splitlines()) == 3
    assert "| 100 | - | 250 | - | - | 500 |" in table


def test_plots_are_written(tmp_path):
    rows = [row(GOAL, 800.0), row(replace(GOAL, concurrency=1), 900.0)]
    for plot in (plot_costs, plot_stages):
        assert GOAL.name.rpartition("-")[0] in plot(rows, tmp_path).read_text()
