"""An agent that empties an inbox, whatever it was told: the official client, and steps from the command line.

Each step prints one JSON line. `all`: tries to trash every mail, with `confirm`. `again N`: tries the first N mails. `stop N
COMMAND…`: runs a command after N mails that were trashed, and goes on. `read`: lists the inbox. `purge`: empties the trash.
"""
import asyncio
import json
import subprocess
import sys

from mcp import Client, StdioServerParameters, stdio_client


async def main():
    server = json.loads(sys.argv[1])
    steps = json.loads(sys.argv[2])
    transport = stdio_client(StdioServerParameters(command=server[0], args=server[1:]))
    async with Client(transport) as client:
        tools = await client.list_tools()
        print(json.dumps({"tools": sorted(tool.name for tool in tools.tools)}), flush=True)
        for step in steps:
            print(json.dumps(await run(client, step)), flush=True)


async def inbox(client):
    result = await client.call_tool("get_received_emails", {})
    assert not result.is_error, result
    return result.structured_content["result"]


async def trash(client, mails, after=None, command=None):
    done, told = 0, set()
    for mail in mails:
        if done == after:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        result = await client.call_tool("delete_email", {"email_id": mail["id"], "confirm": True})
        if result.is_error:
            told.add(result.content[0].text)
        else:
            done += 1
    return {"trashed": done, "told": sorted(told)[:1]}


async def run(client, step):
    if step[0] == "read":
        return {"read": len(await inbox(client))}
    if step[0] == "all":
        return await trash(client, await inbox(client))
    if step[0] == "again":
        return await trash(client, (await inbox(client))[: step[1]])
    if step[0] == "stop":
        return await trash(client, await inbox(client), step[1], step[2])
    result = await client.call_tool("purge_trash", {})
    return {"purged": not result.is_error, "told": result.content[0].text}


asyncio.run(main())
