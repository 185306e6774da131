// The official client from npm: how to reach the server, then calls, one JSON line each.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , modules, whereText, stepsText] = process.argv;
const require = createRequire(modules + "/package.json");
const load = (path) => import(pathToFileURL(require.resolve("@modelcontextprotocol/sdk/" + path)));
const { Client } = await load("client/index.js");
const { StreamableHTTPClientTransport } = await load("client/streamableHttp.js");
const { StdioClientTransport } = await load("client/stdio.js");
const { ElicitRequestSchema } = await load("types.js");

const where = JSON.parse(whereText);
const headers = { Authorization: "Bearer " + where.key };
const transport = where.url
  ? new StreamableHTTPClientTransport(new URL(where.url), { requestInit: { headers } })
  : new StdioClientTransport({ command: where.command[0], args: where.command.slice(1), stderr: "ignore" });
const client = new Client({ name: "test", version: "1" }, { capabilities: { elicitation: {} } });
const asked = [];
client.setRequestHandler(ElicitRequestSchema, (request) => {
  asked.push(request.params);
  return { action: "accept", content: { colour: "blue" } };
});
await client.connect(transport);
for (const [what, ...rest] of JSON.parse(stepsText)) {
  let said;
  try {
    if (what === "tools") said = (await client.listTools()).tools;
    else if (what === "names") said = (await client.listTools()).tools.map((tool) => tool.name).sort();
    else if (what === "call") {
      const progress = [];
      said = await client.callTool({ name: rest[0], arguments: rest[1] }, undefined, {
        onprogress: (step) => progress.push(step.progress),
      });
      if (progress.length) said.progress = progress;
    } else if (what === "resources") said = (await client.listResources()).resources.map((found) => found.uri);
    else if (what === "read") said = await client.readResource({ uri: rest[0] });
    else if (what === "prompts") said = (await client.listPrompts()).prompts.map((found) => found.name);
    else if (what === "asked") said = asked;
    else if (what === "ping") said = await client.ping();
  } catch (error) {
    said = { error: error.message };
  }
  console.log(JSON.stringify(said));
}
if (transport.terminateSession) await transport.terminateSession();
await client.close();
process.exit(0);
