//! One endpoint for many servers, spoken to by the official clients from PyPI and npm.

mod others;
mod raw;

use crate::support::by;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use trustmill_core::Timestamp;
use trustmill_core::port::registry::Secret;
use trustmill_doors::engine::Engine;
use trustmill_doors::mcp::endpoint::{Endpoint, Fence, router};
use trustmill_doors::mcp::upstream::{Place, Server};
use trustmill_guard::catalogue::Catalogue;
use trustmill_guard::decide::{Rulebook, Settings};
use trustmill_infra::HttpExchange;
use trustmill_testkit::agents;

/// What the test's own server has.
const WORLD: &str = "about = 'x'\n[tools.look]\neffect = 'read'\n[tools.slowly]\neffect = 'read'\narguments.steps = { role = 'option' }\n\
                     [tools.hang]\neffect = 'read'\n[tools.favourite]\neffect = 'read'\n[tools.secret_of_the_guard]\neffect = 'read'\n\
                     [tools.change]\neffect = 'write'\nobjects = ['item']\narguments.item = { role = 'item' }\n";

fn home() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mcp").join(name).display().to_string()
}

fn python() -> String {
    agents::python(home()).join("python").display().to_string()
}

/// A program of npm's.
fn installed(name: &str) -> String {
    agents::node(home()).join("node_modules/.bin").join(name).display().to_string()
}

/// A guard with servers behind it.
struct World {
    engine: Arc<Engine>,
    address: SocketAddr,
    key: String,
    folder: tempfile::TempDir,
}

fn process(command: &[&str]) -> Place {
    let command = command.iter().map(|&word| word.to_owned()).collect();
    Place::Process { command, env: vec![("WORLD_KEY".into(), Secret::new("w-1"))], folder: None }
}

impl World {
    /// Catalogues by server, and where each is; `task` is what the user said.
    async fn new(task: &str, servers: Vec<(&str, &str, Place)>) -> Self {
        Self::with(task, servers, Duration::from_secs(60), None).await
    }

    async fn with(
        task: &str,
        servers: Vec<(&str, &str, Place)>,
        patience: Duration,
        page: Option<String>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("world.json"), "{\"changed\":[]}").unwrap();
        let catalogue = |text: &str| match Catalogue::shipped(text) {
            Some(shipped) => shipped.unwrap(),
            None => Catalogue::parse("test", text).unwrap(),
        };
        let catalogues =
            servers.iter().map(|(name, text, _)| ((*name).to_owned(), catalogue(text))).collect();
        let state = folder.path().join("guard");
        let rules = Rulebook::new(catalogues, Settings::default(), &[]).unwrap();
        let engine = Arc::new(Engine::open(&state, rules, Timestamp::now).unwrap());
        engine.begin("s", "agent", "ann", task).unwrap();
        let key = engine.new_key("s").unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let servers: BTreeMap<String, Server> = servers
            .into_iter()
            .map(|(name, _, place)| (name.to_owned(), Server { place, patience }))
            .collect();
        let exchange = Arc::new(HttpExchange::new(&[]).unwrap());
        let endpoint = Endpoint::new(Arc::clone(&engine), servers, exchange, page);
        let router = router(endpoint, Fence::new(address, &[]));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { engine, address, key, folder }
    }

    fn url(&self, path: &str) -> Value {
        json!({ "url": format!("http://{}/mcp{path}", self.address), "key": self.key })
    }

    fn changed(&self) -> Value {
        changed(self.folder.path())
    }
}

fn changed(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("world.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["changed"].clone()
}

fn lines(mut command: Command) -> Vec<Value> {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The client from PyPI.
async fn pypi(place: Value, steps: Value) -> Vec<Value> {
    let mut command = Command::new(python());
    command.arg(script("client.py")).arg(place.to_string()).arg(steps.to_string());
    tokio::task::spawn_blocking(|| lines(command)).await.unwrap()
}

/// The client from npm.
async fn npm(place: Value, steps: Value) -> Vec<Value> {
    let mut command = Command::new("node");
    command.arg(script("client.mjs")).arg(agents::node(home())).arg(place.to_string()).arg(steps.to_string());
    tokio::task::spawn_blocking(|| lines(command)).await.unwrap()
}

/// The test's own server over HTTP; it ends with this.
struct Remote(Child, String);

impl Remote {
    fn start(folder: &Path, how: &str) -> Self {
        let world = folder.join("world.json");
        std::fs::write(&world, "{\"changed\":[]}").unwrap();
        let mut command = Command::new(python());
        let mut child =
            command.arg(script("server.py")).arg(world).arg(how).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self(child, format!("http://127.0.0.1:{}/mcp", port.trim()))
    }

    fn place(&self) -> Place {
        let headers = vec![("authorization".into(), Secret::new("Bearer upstream-key"))];
        Place::Http { url: self.1.clone(), headers }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_servers_are_one_and_what_is_asked_reaches_each() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (plain, stream) = (Remote::start(one.path(), "json"), Remote::start(two.path(), "sse"));
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("world.json");
    std::fs::write(&file, "{\"changed\":[]}").unwrap();
    let local = process(&[&python(), &script("server.py"), file.to_str().unwrap(), "stdio"]);
    let servers =
        vec![("here", WORLD, local), ("plain", WORLD, plain.place()), ("stream", WORLD, stream.place())];
    let world = World::new("please change item alpha", servers).await;
    let mut steps = vec![json!(["names"]), json!(["resources"]), json!(["prompts"])];
    for server in ["here", "plain", "stream"] {
        steps.push(json!(["call", format!("{server}__change"), { "item": "alpha" }]));
        steps.push(json!(["call", format!("{server}__change"), { "item": "beta" }]));
        steps.push(json!(["read", format!("{server}+world://all")]));
    }
    let said = pypi(world.url(""), Value::Array(steps.clone())).await;
    assert_eq!(said[0].as_array().unwrap().len(), 18, "{}", said[0]);
    assert_eq!(said[1], json!(["here+world://all", "plain+world://all", "stream+world://all"]));
    assert_eq!(said[2], json!(["here__greet", "plain__greet", "stream__greet"]));
    for three in said[3..].chunks(3) {
        assert_eq!(text(&three[0]), "changed alpha", "{}", three[0]);
        assert_eq!(three[1]["isError"], true);
        assert!(three[2]["contents"][0]["text"].as_str().unwrap().contains("alpha"), "{}", three[2]);
    }
    for folder in [&one, &two, &here] {
        assert_eq!(changed(folder.path()), json!(["alpha"]));
    }
    let said = npm(
        world.url(""),
        json!([["names"], ["call", "plain__look", {}], ["call", "nobody__look", {}], ["ping"]]),
    )
    .await;
    assert_eq!(said[0].as_array().unwrap().len(), 18);
    assert!(text(&said[1]).contains("alpha"), "{}", said[1]);
    assert!(said[2]["error"].as_str().unwrap().contains("no server"), "{}", said[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_is_as_it_is_and_its_questions_progress_and_cancelling_find_their_way() {
    let remote = tempfile::tempdir().unwrap();
    let stream = Remote::start(remote.path(), "sse");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    std::fs::write(&file, "{\"changed\":[]}").unwrap();
    let local = process(&[&python(), &script("server.py"), file.to_str().unwrap(), "stdio"]);
    let world =
        World::new("look around", vec![("here", WORLD, local), ("there", WORLD, stream.place())]).await;
    let direct = json!({ "command": [python(), script("server.py"), file, "stdio"], "mode": "legacy" });
    let steps = json!([
        ["tools"], ["call", "slowly", { "steps": 3 }], ["call", "favourite", {}], ["resources"], ["templates"],
        ["read", "world://item/7"], ["prompt", "greet", { "name": "Ann" }], ["instructions"], ["asked"],
    ]);
    let expected = pypi(direct, steps.clone()).await;
    assert_eq!(expected[1]["progress"][2], json!([3.0, 3.0, "step 3"]));
    for server in ["/here", "/there"] {
        let said = pypi(world.url(server), steps.clone()).await;
        for (said, expected) in said.iter().zip(&expected) {
            assert_eq!(said, expected, "{server}: nothing is to be noticed");
        }
    }
    let steps = json!([["call", "slowly", { "steps": 2 }], ["call", "favourite", {}], ["asked"]]);
    let said = npm(world.url("/there"), steps).await;
    assert_eq!((&said[0]["progress"], text(&said[1])), (&json!([1, 2]), "accept blue"), "{said:?}");
    // What waits too long is given up by the client, and the connection goes on.
    let said = pypi(world.url("/here"), json!([["impatient", "hang", {}, 0.3], ["call", "look", {}]])).await;
    assert!(said[0]["error"].is_string(), "{}", said[0]);
    assert!(text(&said[1]).contains("changed"), "{}", said[1]);
    let secret = pypi(world.url("/here"), json!([["call", "secret_of_the_guard", {}]])).await;
    assert_eq!(text(&secret[0]), "w-1 none", "its own credential, and nothing else of the guard's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_yes_to_everything_approves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.json");
    std::fs::write(&file, "{\"changed\":[]}").unwrap();
    let local = || process(&[&python(), &script("server.py"), file.to_str().unwrap(), "stdio"]);
    let world = World::new("wait for me", vec![("here", WORLD, local())]).await;
    world.engine.hear("s", "change item alpha, but wait until I tell you").unwrap();
    let steps = json!([["call", "change", { "item": "alpha" }], ["asked"]]);
    for said in [pypi(world.url("/here"), steps.clone()).await, npm(world.url("/here"), steps).await] {
        assert_eq!(said[0]["isError"], true, "{}", said[0]);
        let asked = said[1][0]["message"].as_str().unwrap();
        assert!(asked.contains("accepting here alone allows nothing"), "{asked}");
    }
    assert_eq!(changed(folder.path()), json!([]));
    // A person who decides while the call is held lets it go on.
    let engine = Arc::clone(&world.engine);
    engine.dismiss("s", None, "ann").unwrap();
    let mut changes = engine.changes();
    let person = tokio::spawn(async move {
        changes.wait_for(|_| !engine.waiting().is_empty()).await.unwrap();
        let plan = engine.waiting()[0].plan.digest();
        engine.approve("s", &plan, &by(&["ann"])).unwrap();
    });
    let said = pypi(world.url("/here"), json!([["call", "change", { "item": "alpha" }]])).await;
    person.await.unwrap();
    assert_eq!(text(&said[0]), "changed alpha", "{}", said[0]);
    assert_eq!((changed(folder.path()), world.changed()), (json!(["alpha"]), json!([])));
}

/// The folder in which something that a test installs runs.
fn workshop() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}
