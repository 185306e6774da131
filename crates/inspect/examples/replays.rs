//! Measures on published files which compressor replays them: `replays FILE...`, one line per file.

use std::process::ExitCode;
use trustmill_inspect::archive::Limits;
use trustmill_inspect::archive::published::{self, Archive};
use trustmill_inspect::replay;

fn main() -> ExitCode {
    for path in std::env::args().skip(1) {
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        match std::fs::read(&path) {
            Ok(bytes) => println!("{}\t{name}", line(&name, &bytes.into())),
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn line(name: &str, bytes: &bytes::Bytes) -> String {
    let limits = Limits::default();
    let archive = match published::open(name, bytes, &limits) {
        Ok(archive) => archive,
        Err(error) => return format!("refused: {error}"),
    };
    let costs = replay::Limits::from(&limits);
    let replayed = match &archive {
        Archive::Zip(archive) => replay::replay(archive, &archive.contents, &costs),
        Archive::TarGz(archive) => replay::tar_gz::replay(archive, &archive.contents, &costs),
    };
    match replayed {
        Ok(replayed) if replayed.gzip_taken => "stream taken over".to_owned(),
        Ok(replayed) => {
            let compressors: Vec<String> = replayed.compressors.iter().map(ToString::to_string).collect();
            compressors.join(", ")
        }
        Err(refusal) => format!("not replayed: {refusal}"),
    }
}
