"""A server in front of another."""
import http.server
import json
import threading


class Proxy:
    """Passes calls on by `fetch(path, body, headers)`; answers the first ones itself with 429."""

    def __init__(self, fetch, refusals=0):
        self.calls, self.retries = 0, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls += 1
                outer.retries.append(self.headers.get("x-stainless-retry-count"))
                if outer.calls <= refusals:
                    error = {"message": "The queue is full", "type": "requests", "param": None,
                             "code": "queue_full"}
                    return self.answer(
                        429, {"Content-Type": "application/json", "Retry-After": "1"},
                        json.dumps({"error": error}).encode())
                headers = {name: value for name, value in self.headers.items()
                           if name.lower() not in ("host", "content-length")}
                status, headers, body = fetch("/v1" + self.path.removeprefix("/v1"), body, headers)
                self.answer(status, {"Content-Type": headers["Content-Type"]}, body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/v1" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
