"""A server whose every effect is on disk before it answers: items, one a line, in the file that it is given."""
import json
import os
import sys

out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for line in sys.stdin:
    message = json.loads(line)
    if "id" not in message:
        continue
    if message["method"] == "tools/call":
        item = message["params"]["arguments"].get("item")
        if item:
            os.write(out, f"{item}\n".encode())
            os.fsync(out)
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}}), flush=True)
