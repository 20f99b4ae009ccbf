"""gunicorn's threaded worker, hardened against clients that stall or do not speak HTTP.

Sources: requirements S4, S6, N8. A thread reads each request, so a client that stops in the middle
would hold one for ever; and gunicorn's own refusals are pages of HTML that quote the request.
"""

from __future__ import annotations

import errno
import json
import selectors
import socket
import struct
import time
from functools import partial
from typing import Any

from gunicorn.http import errors
from gunicorn.http.body import Body
from gunicorn.util import close_graceful
from gunicorn.workers import gthread

from contract.running.stopping import let_stops_come
from contract.serving.codec import error_object
from contract.serving.listening import admitted, close_listener
from contract.serving.pace import PAUSE_SECONDS, PacedSocket

PIECE = 64 * 1024
"""Bytes that are taken from a connection at a time."""

SILENT_SECONDS = 1.0
"""For the first byte; then the connection waits without a thread."""

LINGER_SECONDS = 2.0
"""After a stop signal, for a request on its way on a connection that was kept open."""

ALIVE_SECONDS = 1.0
"""Between two signs of life for the arbiter, which waits for a minute."""

SCARCE_SECONDS = 0.1
"""Where there are no descriptors for another connection."""

_REFUSALS: dict[type[Exception], tuple[int, str]] = {
    errors.LimitRequestLine: (414, "the request line is too long"),
    errors.LimitRequestHeaders: (431, "the headers are too large or too many"),
    errors.ExpectationFailed: (417, "only Expect: 100-continue is understood"),
    errors.UnsupportedTransferCoding: (501, "only Transfer-Encoding: chunked is understood"),
    errors.ParseException: (400, "this is not a well-formed HTTP request"),
}


def _closed_already(graceful: bool = False) -> None:
    pass


class _Body(Body):  # type: ignore[misc]
    """Reads as much as it is asked for; gunicorn's own takes a kilobyte again and again."""

    def read(self, size: int | None = None) -> bytes:
        if size is None or size < 0 or self.buf.tell():
            found: bytes = super().read(size)
            return found
        found = self.reader.read(size)
        return found


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    """Gives up stalled connections, and refuses in JSON without a word of the request."""

    _notified = -ALIVE_SECONDS
    """When there was a sign of life."""

    def init_process(self) -> None:
        gthread.DEFAULT_WORKER_DATA_TIMEOUT = SILENT_SECONDS  # there is no setting for it
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        let_stops_come()

    def handle_exit(self, sig: int, frame: Any) -> None:
        # Between two events, and never in the middle of one that has looked at `alive` already.
        self.method_queue.defer(self._begin_to_stop)

    def _begin_to_stop(self) -> None:
        self.alive = False

    def accept(self, listener: socket.socket) -> None:
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            self.log.error("a connection has to wait: %s", error.strerror)
            time.sleep(SCARCE_SECONDS)

    def notify(self) -> None:
        # gunicorn's own would do so at each event.
        if (now := time.monotonic()) >= self._notified + ALIVE_SECONDS:
            self._notified = now
            super().notify()

    def handle(self, conn: Any) -> Any:
        if not isinstance(conn.sock, PacedSocket):
            conn.sock = PacedSocket(conn.sock)
            admitted(conn.sock)
            # In the kernel: a timeout of Python's would cost a call more for each piece.
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                conn.sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", PAUSE_SECONDS, 0))
            conn.wait_for_data = conn.sock.readable
        keep = self._handle_one(conn)
        while keep is True and conn.parser.unreader.buf.tell():  # there is another one already
            keep = self._handle_one(conn)
        if not keep:
            # gunicorn gives the client two seconds to close first. In its main loop, where it would
            # do so, nobody else is accepted or heard meanwhile.
            conn.sock.begin()
            close_graceful(conn.sock)
            conn.close = _closed_already
        return keep

    def _handle_one(self, conn: Any) -> Any:
        """True to keep the connection, False to close it, or gunicorn's mark for a silent one."""
        conn.sock.begin()
        keep = super().handle(conn)
        try:
            conn.sock.flush()
        except OSError:
            self.log.debug("nobody was there to be answered")
            return False
        return False if conn.sock.abandoned else keep

    def handle_request(self, req: Any, conn: Any) -> Any:
        conn.parser.unreader.mxchunk = PIECE
        req.body = _Body(req.body.reader)
        return super().handle_request(req, conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        if self.alive or fs.cancelled() or fs.exception() or not fs.result():
            super().finish_request(conn, fs)
            return
        # The client was told that the connection is kept, or has not said anything yet: gunicorn
        # would close it, and lose the request that is on its way.
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ,
                             partial(self.on_client_socket_readable, conn))

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            # Told to stop: who came before is answered, who comes now is refused, nobody hangs.
            for listener in self.sockets:
                close_listener(listener, partial(self.accept, listener))
            deadline = time.monotonic() + LINGER_SECONDS
            for conn in (*self.keepalived_conns, *self.pending_conns):
                conn.timeout = min(conn.timeout, deadline)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        # A stopping gunicorn looks at open connections again only at the end of its whole grace.
        super().wait_for_and_dispatch_events(timeout if self.alive else min(timeout, 0.1))

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        status, message = next((refusal for kind, refusal in _REFUSALS.items()
                                if isinstance(exc, kind)), (500, "the server failed"))
        self.log.warning("refused with %d: %s", status, type(exc).__name__)
        body = json.dumps(error_object(status, message)).encode()
        head = (f"HTTP/1.1 {status} Refused\r\nConnection: close\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
        try:
            client.sendall(head.encode() + body)
        except OSError:  # the client is gone
            self.log.debug("nobody was there to be refused")
