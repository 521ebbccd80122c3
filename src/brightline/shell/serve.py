# SPDX-License-Identifier: Apache-2.0
"""The socket: uvicorn around an application of ours, its own logs off (they would repeat paths) and its limits set.

Between the socket and uvicorn's parser stands ``core/exchange/framing.py``: only whole heads that it understood are
parsed. uvicorn bounds neither the size of a head nor the time of anything but an idle connection, so the time of each
connection is kept here, by one sweep a second over all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec
import uvicorn
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from brightline.core.channel import Peer
from brightline.core.errors import CallerError, ConfigError, TooSlow, TrustError
from brightline.core.exchange.framing import Framing
from brightline.shell.channel import Channel

LEAVING: Final = "brightline.leaving"
"""Where a scope has, among its extensions, how our own socket is asked to tell when the client closes its connection:
a function that takes whom to tell. To wait for the ASGI message that says so takes a task for each request."""

SWEEP_SECONDS: Final = 0.5
DATE_SECONDS: Final = 1.0  # so long answers carry one date
DRAINED_SECONDS: Final = 0.01  # how often somebody who stops looks whether everybody has been served
LINGER_SECONDS: Final = 5.0
COLLECT_EACH: Final = 5_000  # new objects that are still there, of the kinds that can stand in a circle

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]


def _say(error: CallerError) -> bytes:
    told = {"message": f"{error}. {error.next_step}", "type": error.type, "code": error.code, "param": error.param}
    return msgspec.json.encode({"error": told})


class Door(msgspec.Struct, frozen=True):
    """How long a client may take, in seconds, how many connections there may be, and what is said to a refused one.

    ``refused`` hears of each request that no application saw, and gives the JSON that is answered. ``shed`` sees each
    request that came in one piece, and may answer it at once, for next to nothing. ``body_seconds`` is
    for where an application has no deadline of its own, or has answered before the body ended. ``drain_seconds`` is
    what requests under way have when serving ends. With a ``channel`` nobody is heard but the parts that it expects,
    and each only until its certificate ends.
    """

    head_seconds: float = 10.0
    body_seconds: float = 31.0
    idle_seconds: float = 30.0
    write_seconds: float = 30.0
    linger_seconds: float = LINGER_SECONDS
    connections_max: int = 4_096
    refused: Callable[[CallerError], bytes] = _say
    shed: Callable[[bytes], bytes | None] = lambda _request: None
    drain_seconds: float = 30.0
    channel: Channel | None = None


class _Connection(HttpToolsProtocol):
    """One connection: framing first, then uvicorn's parser, and the clock of what has not arrived."""

    door: Door
    waiting: dict[_Connection, None]  # who has asked nothing, or nothing more, the longest first

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._framing = Framing()
        self._since = 0.0  # when what is waited for began: a head, a body, the end of a connection that closes
        self._closing = False
        self._deaf = 0.0  # since when the peer has not read what was written
        self._peer: Peer | None = None
        self._told: Callable[[], None] | None = None  # who is to hear that the client has left

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.door.channel is not None:
            try:
                self._peer = self.door.channel.peer(transport.get_extra_info("ssl_object"))
            except TrustError:
                transport.abort()
                return
        self._since = self.loop.time()
        self.waiting[self] = None
        if len(self.connections) > self.door.connections_max:
            # Whoever has waited longest without asking anything makes room: a client that asks, asks at once.
            longest = next(iter(self.waiting), self)
            self.waiting.pop(longest, None)
            longest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.waiting.pop(self, None)
        super().connection_lost(exc)
        if self._told is not None:
            self._told()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {LEAVING: self._tell_of_leaving}  # type: ignore[dict-item]  # a function

    def _tell_of_leaving(self, whom: Callable[[], None]) -> None:
        """One at a time, and at once if there is nobody any more: requests of one connection are served in turns."""
        self._told = whom
        if self.transport.is_closing() or self.parser is None:
            self.loop.call_soon(whom)

    def data_received(self, data: bytes) -> None:
        if self._peer is None and self.door.channel is not None:
            return  # turned away: what came with its handshake is not read
        framing = self._framing
        was_in_body, was_between, heads = framing.in_body, framing.between, framing.heads
        try:
            understood = framing.feed(data)
        except CallerError as error:
            self.refuse(error)
            return
        alone = was_between and framing.between and framing.heads == heads + 1
        if alone and (self.cycle is None or self.cycle.response_complete) and (answer := self.door.shed(understood)):
            self._since = self.loop.time()
            self.transport.write(answer)
            return
        if framing.in_head:
            if understood or not self._since:
                self._since = self.loop.time()
            self._unset_keepalive_if_required()
        elif framing.in_body:
            if not was_in_body:
                self._since = self.loop.time()
            self.waiting.pop(self, None)
        else:
            self._since = 0.0
            self.waiting.pop(self, None)
        if understood:
            super().data_received(understood)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: App) -> None:  # type: ignore[override]
        unchunked = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, _until_the_end(cycle, app) if unchunked else app)  # type: ignore[arg-type]

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._told = None
        if not self._framing.in_body:
            self.waiting.pop(self, None)
            self.waiting[self] = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._deaf = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._deaf = 0.0

    def refuse(self, error: CallerError) -> None:
        """Answer what is no request, and read no further: what follows could be anything."""
        body = self.door.refused(error)
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()  # an answer is under way; a second one inside it would be taken for its words
            return
        head = (
            b"content-type: application/json\r\ncache-control: no-store\r\nconnection: close\r\n"
            b"x-should-retry: false\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        self.transport.write(STATUS_LINE[error.status] + head + body)
        self.transport.close()

    def sweep(self, now: float) -> None:
        """Cut what is overdue, and whose certificate has ended."""
        if self._peer is not None and self.door.channel is not None and self.door.channel.has_ended(self._peer):
            self.transport.abort()
        elif self.transport.is_closing():
            if not self._closing:
                self._closing, self._since = True, now
            elif now - self._since > self.door.linger_seconds:
                self.transport.abort()  # what was written is not read; closing would wait for that for ever
        elif self._deaf and now - self._deaf > self.door.write_seconds:
            self.transport.abort()
        elif not self._since:
            return
        elif self._framing.in_body:
            if now - self._since > self.door.body_seconds:
                self._late(f"the body did not arrive within {self.door.body_seconds:g} s")
        elif now - self._since > self.door.head_seconds:
            self._late(f"the head of a request did not arrive within {self.door.head_seconds:g} s")

    def _late(self, message: str) -> None:
        if self._framing.in_head:
            self.refuse(TooSlow(message))
            return
        self.transport.abort()


def _until_the_end(cycle: RequestResponseCycle, app: App) -> App:
    """Answer a client that knows no chunks (HTTP/1.0): what has no length goes on until the connection is closed.

    uvicorn closes the connection of such a client after the answer, and would write chunks all the same.
    """

    async def answering(scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        endless = False

        async def unchunked(message: Message) -> None:
            nonlocal endless
            if message["type"] == "http.response.start":
                endless = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
                cycle.chunked_encoding = False if endless else None
            elif endless:  # each piece is as long as it is
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, unchunked)

    return answering


class _Server(uvicorn.Server):
    """Leaves signals alone: whoever runs the server decides when it stops, and then it stops at once.

    uvicorn looks ten times a second whether it is to stop, and rests for a tenth of a second on the way out.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield

    async def main_loop(self) -> None:
        """Write the date of answers anew each second, until it is to stop."""
        while not self.stopping.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self.stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing any more, and wait for what is under way, as long as it has."""
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await asyncio.sleep(0)  # whoever was closed just now is gone then
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(DRAINED_SECONDS)
                for server in self.servers:
                    await server.wait_closed()
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Bind the listening socket. Raises ``ConfigError``.

    With ``shared`` other processes of the same user may listen on the port too, and the kernel gives each connection
    to one of those that listen.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; else each answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


@contextlib.asynccontextmanager
async def serving(app: App, listener: socket.socket, door: Door | None = None) -> AsyncIterator[str]:
    """Serve on a bound socket; yield the base URL; drain at the end.

    To drain is to take no connection and no request any more, and to finish those that are under way. Who is not
    finished in time finds the connection cut; the application sees a client that left, and books it so.
    """
    door = door or Door()
    protocol = type("Connection", (_Connection,), {"door": door, "waiting": {}})
    config = Config(
        app,
        loop="none",
        http=protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        timeout_keep_alive=door.idle_seconds,  # type: ignore[arg-type]  # it is a number to call_later
        timeout_graceful_shutdown=door.drain_seconds + LINGER_SECONDS,  # type: ignore[arg-type]  # a number
        backlog=2_048,
    )
    config.load()
    config.ssl = door.channel.server() if door.channel is not None else None
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    sweeper = asyncio.create_task(_sweep(server))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise ConfigError("the server ended before it served")
            await asyncio.sleep(0.01)
        host, port = listener.getsockname()[:2]
        scheme = "http" if door.channel is None else "https"
        yield f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.stopping.set()
        cutter = asyncio.create_task(_cut(server, door.drain_seconds))
        await task
        cutter.cancel()
        sweeper.cancel()
        await asyncio.gather(sweeper, cutter, return_exceptions=True)


async def _cut(server: uvicorn.Server, seconds: float) -> None:
    await asyncio.sleep(seconds)
    for connection in list(server.server_state.connections):
        if isinstance(connection, _Connection):
            connection.transport.abort()


async def _sweep(server: uvicorn.Server) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = clock()
        for connection in list(server.server_state.connections):
            if isinstance(connection, _Connection):
                connection.sweep(now)


def rest_the_collector() -> None:
    """Have Python's collector leave out what is there now, and look seldom at what comes.

    Call it once everything is loaded. Requests leave hardly anything in circles, so that looking at each few hundred
    new objects finds next to nothing, and looking at all of them (the rules, the agreement) stops everybody meanwhile.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EACH)


async def until_signalled(or_readable: int | None = None) -> None:
    """Return at the first SIGINT or SIGTERM. SIGHUP ends nothing: there is nothing to be read anew.

    ``or_readable`` is a file descriptor that can be read, or is at its end, once it is time to stop.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if or_readable is not None:
        loop.add_reader(or_readable, stop.set)
    await stop.wait()
