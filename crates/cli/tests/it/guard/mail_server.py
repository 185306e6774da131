"""A mail server for tests: mails in a JSON file, spoken to over MCP on standard input and output."""
import json
import sys

from mcp.server.mcpserver import MCPServer

PATH = sys.argv[1]
server = MCPServer("mail")


def load():
    with open(PATH) as file:
        return json.load(file)


def save(mails):
    with open(PATH, "w") as file:
        json.dump(mails, file)


@server.tool()
def get_received_emails() -> list[dict]:
    """Every mail of the inbox."""
    return [mail for mail in load() if mail["folder"] == "inbox"]


@server.tool()
def delete_email(email_id: str, confirm: bool = False) -> str:
    """Moves a mail to the trash."""
    mails = load()
    for mail in mails:
        if mail["id"] == email_id and mail["folder"] == "inbox":
            mail["folder"] = "trash"
            save(mails)
            return f"mail {email_id} is in the trash"
    raise ValueError("no such mail")


@server.tool()
def restore_email(email_id: str) -> str:
    """Moves a mail back from the trash."""
    mails = load()
    for mail in mails:
        if mail["id"] == email_id and mail["folder"] == "trash":
            mail["folder"] = "inbox"
            save(mails)
            return f"mail {email_id} is in the inbox"
    raise ValueError("no such mail in the trash")


@server.tool()
def purge_trash() -> str:
    """Deletes what is in the trash for good."""
    save([mail for mail in load() if mail["folder"] != "trash"])
    return "the trash is empty"


server.run()
