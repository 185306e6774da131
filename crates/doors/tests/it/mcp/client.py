"""The official client from PyPI: how to reach the server, then steps, one JSON line each."""
import asyncio
import json
import sys
from contextlib import AsyncExitStack

import httpx2
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ElicitResult

WHERE, STEPS = json.loads(sys.argv[1]), json.loads(sys.argv[2])
ASKED = []


async def elicited(context, params):
    ASKED.append(params.model_dump(mode="json", by_alias=True, exclude_none=True))
    # An agent's client that says yes to everything.
    return ElicitResult(action="accept", content={"colour": "red"})


async def main():
    async with AsyncExitStack() as stack:
        if "url" in WHERE:
            headers = {"Authorization": f"Bearer {WHERE['key']}"}
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=60))
            transport = streamable_http_client(WHERE["url"], http_client=http)
        else:
            command = WHERE["command"]
            transport = stdio_client(StdioServerParameters(command=command[0], args=command[1:]))
        more = {"mode": WHERE["mode"]} if "mode" in WHERE else {}
        client = await stack.enter_async_context(Client(transport, elicitation_callback=elicited, **more))
        for step in STEPS:
            print(json.dumps(await run(client, step)), flush=True)


def plain(value):
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


async def run(client, step):
    what, rest = step[0], step[1:]
    try:
        if what == "tools":
            return [plain(tool) for tool in (await client.list_tools()).tools]
        if what == "names":
            return sorted(tool.name for tool in (await client.list_tools()).tools)
        if what == "call":
            progress = []

            async def on_progress(done, total, message):
                progress.append([done, total, message])

            result = plain(await client.call_tool(rest[0], rest[1], progress_callback=on_progress))
            if progress:
                result["progress"] = progress
            return result
        if what == "impatient":
            try:
                return plain(await client.call_tool(rest[0], rest[1], read_timeout_seconds=rest[2]))
            except Exception as error:
                return {"error": type(error).__name__}
        if what == "resources":
            return [str(found.uri) for found in (await client.list_resources()).resources]
        if what == "templates":
            return [found.uri_template for found in (await client.list_resource_templates()).resource_templates]
        if what == "read":
            return plain(await client.read_resource(rest[0]))
        if what == "prompts":
            return [found.name for found in (await client.list_prompts()).prompts]
        if what == "prompt":
            return plain(await client.get_prompt(rest[0], rest[1]))
        if what == "asked":
            return ASKED
        if what == "instructions":
            return client.instructions
    except Exception as error:
        return {"error": str(error)}
    return {"error": f"no step {what}"}


asyncio.run(main())
