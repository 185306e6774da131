"""A provider of models for tests, strict about keys, paths and bodies: prints its port, then each body that came, one a line."""
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "prompt_tokens_details": {"cached_tokens": 40}}
READ = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110, "input_tokens_details": {"cached_tokens": 40}, "output_tokens_details": {"reasoning_tokens": 0}}
MESSAGES = {"input_tokens": 60, "output_tokens": 10, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 5}


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        print(json.dumps({"path": self.path, "body": body}), flush=True)
        key = self.headers.get("x-api-key") if self.path == "/v1/messages" else self.headers.get("authorization")
        if key not in ("provider-key", "Bearer provider-key"):
            return self.plain(401, {"error": {"message": "no", "type": "authentication_error"}})
        model = "other-family" if body["model"] == "liar" else body["model"]
        if body["model"] == "busy":
            return self.plain(429, {"error": {"message": "slow down", "type": "tokens"}})
        if self.path == "/v1/chat/completions":
            message = {"role": "assistant", "content": "hello"}
            if not body.get("stream"):
                return self.plain(200, {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": USAGE})
            assert body["stream_options"]["include_usage"] is True
            chunk = lambda choices, usage: {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices, "usage": usage}
            if model == "slow":
                # It talks until nobody listens.
                word = [{"index": 0, "delta": {"role": "assistant", "content": "word "}, "finish_reason": None}]
                return self.stream(((None, json.dumps(chunk(word, None))) for _ in iter(lambda: time.sleep(0.05), 0)), body)
            events = [chunk([{"index": 0, "delta": {"role": "assistant", "content": part}, "finish_reason": None}], None) for part in ("hel", "lo")]
            events += [chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}], None), chunk([], USAGE)]
            return self.stream([(None, json.dumps(event)) for event in events] + [(None, "[DONE]")], body)
        if self.path == "/v1/responses":
            item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "hello", "annotations": []}]}
            whole = {"id": "r", "object": "response", "created_at": 1, "model": model, "status": "completed", "output": [item], "usage": READ, "parallel_tool_calls": False, "tool_choice": "auto", "tools": []}
            if not body.get("stream"):
                return self.plain(200, whole)
            begun = {**whole, "status": "in_progress", "output": [], "usage": None}
            events = [{"type": "response.created", "sequence_number": 0, "response": begun}, {"type": "response.output_text.delta", "sequence_number": 1, "item_id": "m", "output_index": 0, "content_index": 0, "delta": "hello", "logprobs": []}, {"type": "response.completed", "sequence_number": 2, "response": whole}]
            return self.stream([(event["type"], json.dumps(event)) for event in events], body)
        assert self.path == "/v1/messages" and self.headers["anthropic-version"], self.path
        whole = {"id": "m", "type": "message", "role": "assistant", "model": model, "content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "stop_sequence": None, "usage": MESSAGES}
        if not body.get("stream"):
            return self.plain(200, whole)
        events = [
            {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None, "usage": {**MESSAGES, "output_tokens": 1}}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 10}},
            {"type": "message_stop"},
        ]
        return self.stream([(event["type"], json.dumps(event)) for event in events], body)

    def plain(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def stream(self, events, body):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        if body["model"] == "cut":
            events = events[:2]
        for name, data in events:
            self.wfile.write(((f"event: {name}\n" if name else "") + f"data: {data}\n\n").encode())
            self.wfile.flush()
        self.close_connection = True


server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
print(server.server_address[1], flush=True)
server.serve_forever()
