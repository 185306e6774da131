"""A forge over TLS: `git http-backend` behind Python's own server.

Usage: forge.py FOLDER CERTIFICATE KEY LOG; prints its port. The first folder of a path says how it behaves.
"""

import http.server
import os
import ssl
import subprocess
import sys
import time

FOLDER, CERTIFICATE, KEY, LOG = sys.argv[1:]


class Forge(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.serve(b"")

    def do_POST(self):
        self.serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def serve(self, body):
        path, _, query = self.path.partition("?")
        _, manner, rest = path.split("/", 2)
        with open(LOG, "a") as log:
            log.write(f"{self.command} {self.path}\n")
        if manner == "moved":
            return self.reply(301, [("Location", f"/now/{rest}?{query}")], b"")
        if manner == "elsewhere":
            return self.reply(301, [("Location", f"https://localhost:{PORT}/now/{rest}?{query}")], b"")
        if manner == "hang":
            return time.sleep(60)
        if manner == "dumb":
            return self.file(rest)
        status, headers, answer = self.backend(manner, rest, query, body)
        if manner in ("stall", "cut") and body:
            return self.half(manner, headers, answer)
        self.reply(status, headers, answer)

    def backend(self, manner, rest, query, body):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": FOLDER,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PROJECT_ROOT": FOLDER,
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": f"/{rest}",
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
        }
        if manner != "old":
            # Without it the answer is in the protocol of before 2018.
            environment["GIT_PROTOCOL"] = self.headers.get("Git-Protocol", "")
        ended = subprocess.run(["git", "http-backend"], env=environment, input=body, stdout=subprocess.PIPE)
        head, _, answer = ended.stdout.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        status = next((int(value[:3]) for name, value in fields if name == "Status"), 200)
        return status, [field for field in fields if field[0] != "Status"], answer

    def file(self, rest):
        try:
            with open(os.path.join(FOLDER, rest), "rb") as file:
                self.reply(200, [], file.read())
        except OSError:
            self.reply(404, [], b"")

    def half(self, manner, headers, answer):
        """Promises all of the answer, and sends half."""
        self.head(200, headers, len(answer))
        self.wfile.write(answer[: len(answer) // 2])
        self.wfile.flush()
        if manner == "stall":
            time.sleep(60)
        self.close_connection = True

    def head(self, status, headers, length):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def reply(self, status, headers, answer):
        self.head(status, headers, len(answer))
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forge)
server.daemon_threads = True
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
# The handshake belongs to the connection's own thread.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
PORT = server.server_address[1]
print(PORT, flush=True)
server.serve_forever()
