"""A server for tests whose tool is described as its file says, spoken to over MCP on standard input and output."""
import json
import sys

from mcp.server.mcpserver import MCPServer

with open(sys.argv[1]) as file:
    world = json.load(file)
server = MCPServer("notes")


@server.tool(description=world["description"])
def read_notes() -> str:
    return world["notes"]


server.run()
