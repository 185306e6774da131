"""A shop, a bank and a carrier for tests: one JSON file, spoken to over MCP. The second argument says which of them serves.

Texts of products and of parcels are whatever somebody wrote there.
"""
import json
import sys

from mcp.server.mcpserver import MCPServer

PATH, WHICH = sys.argv[1], sys.argv[2]
server = MCPServer(WHICH)


def load():
    with open(PATH) as file:
        return json.load(file)


def save(state):
    with open(PATH, "w") as file:
        json.dump(state, file)


def cart(state):
    lines = [product for product in state["products"] if product["id"] in state["cart"]]
    total = sum(product["price"] for product in lines)
    merchant = lines[0]["merchant"] if lines else ""
    return {"cart_id": "c1", "version": len(state["cart"]), "total": total, "currency": "EUR", "merchant": merchant}


def shop():
    @server.tool()
    def search_products(query: str) -> list[dict]:
        """Products, with their pages' texts."""
        return load()["products"]

    @server.tool()
    def get_cart(cart_id: str) -> dict:
        """The cart as it is now."""
        return cart(load())

    @server.tool()
    def add_to_cart(cart_id: str, product_id: str) -> str:
        """Puts a product into the cart."""
        state = load()
        state["cart"].append(product_id)
        save(state)
        return "added"

    @server.tool()
    def checkout(cart_id: str) -> str:
        """Orders and pays what is in the cart."""
        state = load()
        total = cart(state)["total"]
        state["balance"] -= total
        state["orders"].append(total)
        state["cart"] = []
        save(state)
        return "ordered"


def payments():
    @server.tool()
    def list_payees() -> list[dict]:
        """Everybody who was ever paid."""
        return load()["payees"]

    @server.tool()
    def get_payee(payee_id: str) -> dict:
        """One of them."""
        return next(payee for payee in load()["payees"] if payee["payee_id"] == payee_id)

    @server.tool()
    def transfer(payee_id: str, amount: float, reference: str = "", idempotency_key: str = "") -> str:
        """Pays."""
        state = load()
        account = next(payee["account"] for payee in state["payees"] if payee["payee_id"] == payee_id)
        state["balance"] -= amount
        state["paid"].append([account, amount])
        save(state)
        return "paid"


def logistics():
    @server.tool()
    def list_addresses() -> list[dict]:
        """Addresses of the user."""
        return [{"address_id": "home", "label": "Home"}]

    @server.tool()
    def track_parcel(parcel_id: str) -> dict:
        """Where a parcel is."""
        return {"parcel_id": parcel_id, "message": load()["message"]}

    @server.tool()
    def redirect_parcel(parcel_id: str, address_id: str) -> str:
        """Sends a parcel somewhere else."""
        state = load()
        state["parcels"][parcel_id] = address_id
        save(state)
        return "redirected"


{"shop": shop, "payments": payments, "logistics": logistics}[WHICH]()
server.run()
