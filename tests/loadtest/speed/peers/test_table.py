from loadtest.speed.peers.table import peer_table


def rows(name, cost_us, same=1.0):
    return [
        {
            "cell": {"server": name, "concurrency": concurrency},
            "agreement": same,
            "least_agreement": 0.99,
            "figures": {
                "server_cpu_us_per_request": cost_us,
                "throughput_per_s": 1e6 / cost_us,
                "throughput_per_server_cpu_s": 1e6 / cost_us,
                "latencies_ms": {"p50": 1.0, "p99": 2.0},
                "pss_mib": [10.0, 20.0],
            },
        }
        for concurrency in (1, 16)
    ]


def test_ratios_are_to_the_first_row():
    lines = peer_table([*rows("ours", 1_000.0), *rows("theirs", 4_500.0)]).splitlines()
    assert "| 1.00x | 1.00x |" in lines[2]
    assert "| 4.50x | 4.50x |" in lines[3]
    assert "| 30 | 100.00 % |" in lines[3]


def test_other_lists_are_not_compared():
    lines = peer_table([*rows("ours", 1_000.0), *rows("theirs", 4_500.0, same=0.98)]).splitlines()
    assert "98.00 % | not comparable | not comparable |" in lines[3]
