//! Wheels that nobody published: built of source archives, for environments in which tests run.
//!
//! Environments are made of wheels alone, so that nothing runs while they are made. A distribution of which only the
//! source was published is built as any release is, in the build phase and without network; its wheel is then offered
//! to the resolver beside the registry's own.

use super::pack;
use crate::pypi::Pypi;
use crate::pypi::environment::{Environment, LocalWheel, Prepared, Wanted, requirement};
use crate::pypi::interpreter::Interpreter;
use crate::pypi::{names, version};
use jiff::Timestamp;
use pep440_rs::VersionSpecifiers;
use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::Arc;
use trustmill_core::Purl;
use trustmill_core::attempt::FailureClass;
use trustmill_core::package::{Artifact, ArtifactKind};
use trustmill_core::port::ecosystem::BuildFailure;
use trustmill_core::port::sandbox::SandboxError;
use trustmill_core::port::workshop::Bench;
use trustmill_core::source::Source;

/// Distributions that are built for one environment.
const MOST: usize = 12;
/// The largest source archive that is built for an environment.
const LARGEST: u64 = 64 << 20;

/// What was built, by release and Python; `None` where that failed.
pub(super) type Built = HashMap<(Purl, String), Option<Arc<LocalWheel>>>;

impl Pypi {
    /// An environment in which `requirements` are met, with wheels built here where the registry has none.
    pub(super) async fn environment(
        &self,
        interpreter: &Interpreter,
        as_of: Timestamp,
        requirements: &[String],
    ) -> Result<Result<Environment, BuildFailure>, SandboxError> {
        let uv = self.uv_for_builds().await?;
        let mut local: Vec<Arc<LocalWheel>> = Vec::new();
        loop {
            let wanted = Wanted { requirements, constraints: &[], as_of, interpreter, local: &local };
            let Prepared { result, log, .. } = self.environments().prepare(wanted, uv).await?;
            let lacks = match &result {
                Err(failure) if failure.class == FailureClass::UnresolvableRequirements => {
                    lacking(&String::from_utf8_lossy(&log))
                }
                _ => return Ok(result),
            };
            let more = self.built(&lacks, interpreter, as_of, &local).await?;
            if more.is_empty() || local.len() >= MOST {
                return Ok(result);
            }
            local.extend(more);
        }
    }

    /// Wheels of what is lacking and is not among `local` yet.
    async fn built(
        &self,
        lacks: &[Lack],
        interpreter: &Interpreter,
        as_of: Timestamp,
        local: &[Arc<LocalWheel>],
    ) -> Result<Vec<Arc<LocalWheel>>, SandboxError> {
        let mut out: Vec<Arc<LocalWheel>> = Vec::new();
        for lack in lacks {
            let Some(source) = self.source_for(lack, interpreter, as_of).await else { continue };
            let release = Purl::release("pypi", &lack.name, &source.version);
            let (major, minor) = interpreter.version.feature();
            let key = (release, format!("{major}.{minor}"));
            let known = self.benches().built.lock().await.get(&key).cloned();
            let wheel = match known {
                Some(known) => known,
                None => {
                    let wheel = self.build_of(&key.0, &source, &key.1).await?.map(Arc::new);
                    self.benches().built.lock().await.insert(key, wheel.clone());
                    wheel
                }
            };
            out.extend(wheel.filter(|wheel| local.iter().all(|known| known.sha256 != wheel.sha256)));
        }
        Ok(out)
    }

    /// The source archive of the newest release that meets what is lacking, as of then.
    async fn source_for(&self, lack: &Lack, interpreter: &Interpreter, as_of: Timestamp) -> Option<Artifact> {
        use trustmill_core::port::ecosystem::Ecosystem as _;
        let project = self.project(&lack.name).await.ok()?;
        let python = pep440_rs::Version::from_str(&interpreter.version.to_string()).ok()?;
        let fits = |file: &&Artifact| {
            let runs =
                file.requires_runtime.as_deref().and_then(|text| VersionSpecifiers::from_str(text).ok());
            let version = version::parse(&file.version);
            file.kind == ArtifactKind::Source
                && file.yanked.is_none()
                && file.upload_time.is_some_and(|uploaded| uploaded < as_of)
                && !version::is_prerelease(&file.version)
                && version.is_some_and(|version| lack.bounds.iter().all(|bound| bound.contains(&version)))
                && runs.is_none_or(|bounds| bounds.contains(&python))
        };
        project.files.iter().filter(fits).max_by(|a, b| version::compare(&a.version, &b.version)).cloned()
    }

    async fn build_of(
        &self,
        release: &Purl,
        source: &Artifact,
        python: &str,
    ) -> Result<Option<LocalWheel>, SandboxError> {
        tracing::debug!(%release, python, "a wheel that the tests need is built");
        let Some(as_of) = source.upload_time else { return Ok(None) };
        let Some(opened) = self.opened(source).await else { return Ok(None) };
        let bench = Bench { release, as_of, strict: false };
        let packed = match pack::with_python(self, &bench, Arc::new(opened), Some(python)).await? {
            Ok(packed) => packed,
            Err(failure) => {
                tracing::debug!(%release, ?failure, "it does not build");
                return Ok(None);
            }
        };
        // What a hostile build calls its wheel decides nothing.
        let named = names::parse_filename(&release.name(), &packed.name).ok();
        let is_it = named.is_some_and(|named| Some(named.version.as_str()) == release.version());
        Ok(is_it.then(|| LocalWheel::new(packed.name, packed.bytes)))
    }

    /// A source archive, fetched and opened; `None` where that is not possible.
    async fn opened(&self, artifact: &Artifact) -> Option<Source> {
        let (digest, bytes) = self.fetched(artifact, LARGEST).await?;
        let (open, name) = (self.open, artifact.filename.clone());
        let opened = tokio::task::spawn_blocking(move || open(&name, &bytes)).await.ok()?;
        let contents = opened.inspect_err(|why| tracing::debug!(why, "a source archive was refused")).ok()?;
        Some(Source::uploaded(artifact.clone(), digest, Arc::new(contents)))
    }
}

/// A distribution without a wheel that could be used, and what is asked of its version.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lack {
    name: String,
    bounds: Vec<VersionSpecifiers>,
}

/// Reads what uv says it would have to build.
fn lacking(log: &str) -> Vec<Lack> {
    let needed = |line: &str| {
        let name = line.split_once("Wheels are required for `")?.1.split_once('`')?.0;
        names::normalise(name)
    };
    let mut names: Vec<String> = log.lines().filter_map(needed).collect();
    names.sort();
    names.dedup();
    let with_bounds = |name: String| Lack { bounds: bounds(log, &name), name };
    names.into_iter().map(with_bounds).collect()
}

/// The bounds in `you require NAME>=1,<2` and `a==1 depends on NAME>=1`.
fn bounds(log: &str, name: &str) -> Vec<VersionSpecifiers> {
    let mut out = Vec::new();
    for words in ["require ", "requires ", "depends on "] {
        for after in log.split(words).skip(1) {
            let text = after.split([' ', '\n']).next().unwrap_or_default().trim_end_matches([',', '.']);
            if requirement::name(text).as_deref() != Some(name) {
                continue;
            }
            out.extend(requirement::specifiers(text).and_then(|text| VersionSpecifiers::from_str(text).ok()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "error: No solution found when resolving dependencies\n  cause: Because twisted>=17.9.0 has no usable wheels and scrapy==2.3.0 depends on twisted>=17.9.0,<21, we can conclude that scrapy==2.3.0 cannot be used.\n         And because you require scrapy==2.3.0, we can conclude that your requirements are unsatisfiable.\n\nhint: Wheels are required for `twisted` because building from source is disabled for all packages (i.e., with `--no-build`)\n";

    #[test]
    fn what_lacks_a_wheel_is_read_with_its_bounds() {
        let lacks = lacking(LOG);
        let bounds = VersionSpecifiers::from_str(">=17.9.0,<21").unwrap();
        assert_eq!(lacks, [Lack { name: "twisted".to_owned(), bounds: vec![bounds] }]);
        assert!(lacking("hint: Wheels are required for `../x` because\n").is_empty());
        assert!(lacking("Because nosuch was not found in the package registry").is_empty());
    }
}
