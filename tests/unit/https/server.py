"""What a server may do to a client: HTTPS on the first port that is printed, HTTP on the second. Serves until stdin ends."""
import http.server
import ssl
import sys
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, **fields):
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/echo":
            told = [self.command, self.headers.get("Content-Type"), self.headers.get("Accept"), body.decode()]
            self.answer("|".join(map(str, told)).encode(), Replay_Nonce="n1")
        elif self.path == "/empty":
            self.answer(b"", 503, Retry_After="120")
        elif self.path == "/largest":
            self.answer(b"x" * (1024 * 1024))
        elif self.path == "/large":
            self.answer(b"x" * (1024 * 1024 + 1))
        elif self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * 65536)
        elif self.path == "/fields":
            self.answer(b"", **{f"Field_{n}": "x" * 1000 for n in range(70)})
        elif self.path == "/interim":
            for _ in range(700):
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 100 + b"\r\n\r\n")
            self.answer(b"")
        elif self.path == "/redirect":
            self.answer(b"elsewhere", 302, Location="/echo")
        elif self.path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self.close_connection = True
        elif self.path == "/silent":
            time.sleep(60)
        elif self.path == "/rubbish":
            self.wfile.write(b"\x00\x01\x02 rubbish\r\n\r\n")
            self.close_connection = True

    do_GET = do_POST = do_HEAD = handle_any


def serve(tls):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
print(serve(context), serve(None), flush=True)
sys.stdin.read()
