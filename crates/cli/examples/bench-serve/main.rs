//! What serving costs: the mill beside other caching proxies, before one upstream, on one core.
//!
//! The upstream is ours and in memory, filled once with the real pages and wheels of a pinned tree
//! (`bench/serve/tree.txt`), so that every peer gets the same answers and its questions can be counted.
//! Servers run on the first core, everything that asks on the last. `--json` prints the figures as JSON;
//! further arguments name the peers to measure. Nothing but the first filling leaves the machine.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value indexed by name is null where the name is not there"
)]

#[path = "../measure/mod.rs"]
#[expect(dead_code, reason = "another bench uses the rest")]
mod measure;

mod http;
mod load;
mod mirror;
mod peers;
mod process;
mod report;
mod tools;
mod upstream;

use load::Bench;
use process::Failure;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let json = args.iter().any(|arg| arg == "--json");
    let wanted: Vec<&str> = args.iter().map(String::as_str).filter(|arg| *arg != "--json").collect();
    let root = measure::root();
    let mill = measure::release_binary(&root)?;
    let tools = tools::Tools::prepare(&root)?;
    let machine = measure::describe();
    // Every thread and program started from here on inherits this core, but for the measured servers.
    process::stay_on_last_core()?;
    let mirror = mirror::fill(&tools)?;
    let upstream = upstream::Upstream::start(mirror)?;
    let bench = Bench { upstream, tools, mill };
    let straight = bench.straight()?;
    let mut figures = Vec::new();
    for peer in peers::all().iter().filter(|peer| wanted.is_empty() || wanted.contains(&peer.name)) {
        eprintln!("measuring {}", peer.name);
        match bench.measure(peer) {
            Ok(measured) => {
                eprintln!("{}", serde_json::to_string(&measured)?);
                figures.push(measured);
            }
            Err(error) => eprintln!("{} is left out: {error}", peer.name),
        }
    }
    let report = report::Report { machine, load_after: measure::load(), straight, figures };
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}
