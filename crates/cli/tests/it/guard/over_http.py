"""Makes calls at an address that speaks MCP over HTTP, one JSON line for each; nothing but the standard library, so that the
key and every header are what the test says."""
import json
import sys
import urllib.error
import urllib.request

ADDRESS, KEY, CALLS = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
session = None


def ask(message):
    global session
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"Bearer {KEY}",
        "MCP-Protocol-Version": "2025-06-18",
    }
    if session:
        headers["Mcp-Session-Id"] = session
    request = urllib.request.Request(ADDRESS, json.dumps(message).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        session = answer.headers.get("Mcp-Session-Id") or session
        text = answer.read().decode()
    lines = [line[5:] for line in text.splitlines() if line.startswith("data:") and line[5:].strip()]
    return json.loads(lines[-1] if lines else text) if text.strip() else None


try:
    client = {"name": "test", "version": "1"}
    opening = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    ask({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": opening})
    ask({"jsonrpc": "2.0", "method": "notifications/initialized"})
    tools = ask({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})["result"]["tools"]
    print(json.dumps({"tools": sorted(tool["name"] for tool in tools)}))
    for number, (tool, arguments) in enumerate(CALLS, 2):
        params = {"name": tool, "arguments": arguments}
        answer = ask({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
        result = answer.get("result", {})
        text = "".join(part.get("text", "") for part in result.get("content", []))
        print(json.dumps({"error": "error" in answer or bool(result.get("isError")), "text": text}))
except urllib.error.HTTPError as error:
    print(json.dumps({"status": error.code}))
