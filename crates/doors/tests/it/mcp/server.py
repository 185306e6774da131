"""A server for tests with everything that a proxy has to carry: over standard input and output, or HTTP on a port that
it prints. Its world is a JSON file; each call of `change` is counted there."""
import asyncio
import json
import sys
import threading

from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel

PATH, HOW = sys.argv[1], sys.argv[2]
LOCK = threading.Lock()
server = MCPServer("world", instructions="Speak softly.")


class Colour(BaseModel):
    colour: str


def world():
    with open(PATH) as file:
        return json.load(file)


@server.tool()
def look() -> dict:
    """What the world is."""
    return world()


@server.tool()
def change(item: str) -> str:
    """Changes an item."""
    # The SDK runs tools on threads.
    with LOCK:
        now = world()
        now["changed"].append(item)
        with open(PATH, "w") as file:
            json.dump(now, file)
    return f"changed {item}"


@server.tool()
async def slowly(steps: int, context: Context) -> str:
    """Tells how far it is."""
    for step in range(steps):
        await context.report_progress(step + 1, steps, f"step {step + 1}")
        await asyncio.sleep(0.01)
    return "there"


@server.tool()
async def hang() -> str:
    """Never answers."""
    await asyncio.sleep(3600)
    return "never"


@server.tool()
async def favourite(context: Context) -> str:
    """Asks the user."""
    answer = await context.elicit("Which colour?", Colour)
    return f"{answer.action} {answer.data.colour if answer.action == 'accept' else ''}"


@server.tool()
def secret_of_the_guard() -> str:
    """What the process was given."""
    import os
    return os.environ.get("WORLD_KEY", "none") + " " + os.environ.get("GUARDS_OWN", "none")


@server.resource("world://item/{name}")
def item(name: str) -> str:
    return f"item {name}"


@server.resource("world://all")
def everything() -> str:
    return json.dumps(world())


@server.prompt()
def greet(name: str) -> str:
    return f"Greet {name}."


if HOW == "stdio":
    server.run()
else:
    import socket
    import uvicorn
    from starlette.responses import PlainTextResponse

    app = server.streamable_http_app(json_response=HOW == "json", stateless_http=False)

    async def guarded(scope, receive, send):
        headers = dict(scope.get("headers", []))
        if scope["type"] == "http" and headers.get(b"authorization") != b"Bearer upstream-key":
            await PlainTextResponse("no", 401)(scope, receive, send)
        else:
            await app(scope, receive, send)

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(guarded, log_level="error", lifespan="on")
    uvicorn.Server(config).run(sockets=[listener])
