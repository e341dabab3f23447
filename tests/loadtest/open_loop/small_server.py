"""A server that speaks the part of the service's HTTP that the load tools use, and behaves as a test wants."""

import asyncio
import threading
from contextlib import contextmanager

import orjson

ATTRIBUTES = {
    "attributes": [
        {"name": "genre", "instructable": True, "values": [{"value": f"g{n}", "items": 5} for n in range(6)]},
        {"name": "language", "instructable": True, "values": [{"value": f"l{n}", "items": 5} for n in range(5)]},
        {"name": "artist", "instructable": False, "values": [{"value": "a", "items": 5}]},
    ]
}


class SmallServer:
    """delay_s: before every answer to POST /recommend. reject_above: requests under way that are let in, else 503."""

    def __init__(self, delay_s=0.0, reject_above=None, source="model"):
        self.delay_s, self.reject_above, self.source = delay_s, reject_above, source
        self.bodies = {"/recommend": [], "/events": []}
        self.accepts = set()
        self.under_way = 0
        self.keep = True

    async def answer(self, path, body):
        """(status, extra header, JSON)."""
        if path.startswith("/attributes"):
            return 200, "", ATTRIBUTES
        asked = orjson.loads(body)
        self.bodies[path].append(asked)
        if path == "/events":
            return 200, "", {"accepted": len(asked["events"]), "duplicates": 0}
        if self.reject_above is not None and self.under_way >= self.reject_above:
            return 503, "retry-after: 1\r\n", {"status": 503, "detail": 'a "code" too many', "code": "overloaded"}
        self.under_way += 1
        await asyncio.sleep(self.delay_s)
        self.under_way -= 1
        items = [{"item_id": f"i{n}"} for n in range(3)]
        if asked.get("group_by_instruction"):
            return 200, "", {"groups": [{"items": items} for _ in asked["instructions"]]}
        return 200, "", {"request_id": "x", "source": self.source, "items": items}

    async def converse(self, reader, writer):
        """One connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *headers = head.decode().split("\r\n")
                names = {one.split(": ", 1)[0].lower(): one.split(": ", 1)[1] for one in headers if one}
                self.accepts.add(names.get("accept", ""))
                body = await reader.readexactly(int(names.get("content-length", 0)))
                status, extra, answer = await self.answer(line.split()[1], body)
                content = orjson.dumps(answer)
                closing = "" if self.keep else "connection: close\r\n"
                writer.write(
                    f"HTTP/1.1 {status} X\r\n{extra}{closing}content-length: {len(content)}\r\n\r\n".encode() + content
                )
                await writer.drain()
                if not self.keep:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@contextmanager
def answering(server):
    """The server on a loopback port while the with-statement lasts; gives its address."""
    ready, address = threading.Event(), []

    async def serve():
        listening = await asyncio.start_server(server.converse, "127.0.0.1", 0, backlog=1000)
        address.append(listening.sockets[0].getsockname()[1])
        stop = asyncio.Event()
        address.append((asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    port, (loop, stop) = address
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
