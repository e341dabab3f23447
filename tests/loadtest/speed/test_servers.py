import sys

import pytest

from loadtest.speed.process_tree import process_tree
from loadtest.speed.servers import Servers, StartError, free_port

HANGING = "import subprocess, sys, http.server, socketserver\n"
HANGING += "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
HANGING += "class Handler(http.server.BaseHTTPRequestHandler):\n"
HANGING += "    def do_GET(self):\n        self.send_response(200)\n        self.end_headers()\n"
HANGING += "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()\n"


def test_no_process_outlives_the_measurement(tmp_path):
    port = free_port()
    with Servers(tmp_path) as servers:
        servers.start_http("server", [sys.executable, "-c", HANGING, str(port)], {}, port, "/")
        family = process_tree(servers.pids["server"])
        assert len(family) == 2
    assert [pid for pid in family if alive(pid)] == []


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_server_that_ends_at_once_is_named_with_its_log(tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    with Servers(tmp_path) as servers, pytest.raises(StartError, match=r"server ended with status 1\n(.|\n)*no such"):
        servers.start_http("server", command, {}, free_port(), "/")


def test_redis_is_private_and_reachable(tmp_path):
    import redis

    with Servers(tmp_path) as servers:
        url = servers.start_redis()
        with redis.Redis.from_url(url) as client:
            assert client.ping()
