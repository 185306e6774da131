"""Makes the calls of its second argument, one JSON line for each, with the official client."""
import asyncio
import json
import sys

from mcp import Client, StdioServerParameters, stdio_client


async def main():
    server = json.loads(sys.argv[1])
    transport = stdio_client(StdioServerParameters(command=server[0], args=server[1:]))
    async with Client(transport) as client:
        for tool, arguments in json.loads(sys.argv[2]):
            result = await client.call_tool(tool, arguments)
            text = result.content[0].text if result.content else ""
            print(json.dumps({"error": bool(result.is_error), "text": text}), flush=True)


asyncio.run(main())
