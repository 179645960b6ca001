"""A company's network on loopback: an HTTPS server of its own authority, and the proxy that leads to it.

Both run in threads, so that whatever blocks can be tested too.
"""

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import socket
import socketserver
import threading
from typing import Any

from tests.support.certificates import Authority

HANGS_UP = "hangs up"


class HttpsServer:
    """Answers every request with `answer`: (status, body). `requests` are its (method, path, headers)."""

    def __init__(self, context):
        self.answer: Any = (200, b'{"data": [], "next": null, "status": "live"}')
        self.requests = []
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                place.requests.append(
                    (self.command, self.path, {name.lower(): text for name, text in self.headers.items()})
                )
                if place.answer == HANGS_UP:
                    self.close_connection = True
                    return
                status, body = place.answer
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if self.command == "HEAD" else body)

            def do_POST(self):
                self.do_GET()

            def do_HEAD(self):
                self.do_GET()

            def log_message(self, *_):
                pass

        self.server = _Quiet(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that does not trust the certificate hangs up, which is no news."""


class ConnectProxy:
    """Leads every CONNECT to one port, whatever host it names. `heads` are those of its requests.

    `refuses`: the status that it answers with instead, or HANGS_UP.
    """

    def __init__(self, target):
        self.heads, self.refuses = [], None
        place = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    line = self.rfile.readline()
                    if not line:
                        return
                    head += line
                place.heads.append(head.decode())
                if place.refuses == HANGS_UP:
                    return
                if place.refuses is not None or not head.startswith(b"CONNECT "):
                    self.wfile.write(f"HTTP/1.1 {place.refuses or 405} No\r\ncontent-length: 0\r\n\r\n".encode())
                    return
                with socket.create_connection(("127.0.0.1", target)) as far:
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=_pass, args=(far, self.connection))
                    back.start()
                    _pass(self.connection, far)
                    back.join()

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def targets(self):
        """Where it was to lead to, in order."""
        return [head.split(" ")[1] for head in self.heads]


def _pass(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two has gone


class PrivateNetwork:
    """`https`: the server for `host`; `proxy`: the way there; `pem`: the file
    that trusts its authority, in `folder`.
    """

    def __init__(self, folder, host):
        authority = Authority("an authority of this company")
        self.host, self.folder, self.pem = host, folder, folder / "company.pem"
        self.pem.write_bytes(authority.pem)
        self.https = HttpsServer(authority.context(folder, host=host))
        self.proxy = ConnectProxy(self.https.port)
        self.url = f"https://{host}"


@contextmanager
def private_network(folder, host="arrivals.company.example"):
    """A network whose server has a certificate for this host."""
    network = PrivateNetwork(folder, host)
    servers = [network.https.server, network.proxy.server]
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield network
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()
