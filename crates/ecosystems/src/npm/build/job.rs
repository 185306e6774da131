//! A recipe as jobs for the sandbox. Without dependencies there is one: the commit's files and the tools in, one
//! tarball out, no network. With dependencies a first job, which reaches the gateway and runs nothing of the
//! project's, hands what it unpacked to the second as an archive, so that both are bounded by their scratch space.

use super::Tools;
use super::commands::{self, DRIVER, FETCH, NODE, OUT, Pm, SOURCE};
use bytes::Bytes;
use jiff::tz::TimeZone;
use std::sync::Arc;
use trustmill_core::Sha256;
use trustmill_core::content::{Contents, Member};
use trustmill_core::port::sandbox::{Gateway, InputFile, Job, Limits, Mount, Network};
use trustmill_core::recipe::{Recipe, Step};
use trustmill_core::source::ObjectId;

const DRIVER_TEXT: &str = include_str!("driver.cjs");
const SCRIPT_SHELL_TEXT: &str = include_str!("script-shell.cjs");
const SCRIPT_SHELL: &str = "/build/mill/script-shell";
/// Where the driver finds its steps.
const STEPS: &str = "/build/mill/steps.json";
/// What the fetch phase hands on.
pub(super) const UNPACKED: &str = "/build/mill/unpacked.tgz";
/// Its name as it comes back.
pub(super) const HANDED_ON: &str = "unpacked.tgz";
/// What the fetch phase says of install scripts: a list of `core::attempt::InstallScript`.
pub(super) const INSTALL_SCRIPTS: &str = "install-scripts.json";

/// Set before a recipe's own variables, which may replace them: no time zone, no locale and no configuration of
/// the machine reaches a build, and npm neither asks nor tells anybody anything.
const FIXED_ENV: [(&str, &str); 29] = [
    ("TZ", "UTC"),
    ("LANG", "C.UTF-8"),
    ("LC_ALL", "C.UTF-8"),
    ("HOME", "/build/home"),
    ("TMPDIR", "/build/tmp"),
    ("PATH", "/build/mill/bin:/tools/node/bin:/usr/bin:/bin"),
    ("CI", "true"),
    ("NO_COLOR", "1"),
    ("HUSKY", "0"),
    ("npm_config_cache", "/build/cache"),
    ("npm_config_userconfig", "/build/home/.npmrc"),
    ("npm_config_globalconfig", "/build/home/.npmrc-global"),
    ("npm_config_update_notifier", "false"),
    ("npm_config_audit", "false"),
    ("npm_config_fund", "false"),
    ("npm_config_manage_package_manager_versions", "false"),
    // The registry is near, and everything else out of reach: waiting 70 seconds, as npm would, brings nothing.
    ("npm_config_fetch_retries", "4"),
    ("npm_config_fetch_retry_factor", "2"),
    ("npm_config_fetch_retry_mintimeout", "500"),
    ("npm_config_fetch_retry_maxtimeout", "8000"),
    ("npm_config_script_shell", SCRIPT_SHELL),
    // Addons are compiled against the headers that come with Node: there is no network to get others.
    ("npm_config_nodedir", "/tools/node"),
    ("npm_config_package_manager_strict", "false"),
    ("COREPACK_ENABLE_STRICT", "0"),
    ("YARN_ENABLE_TELEMETRY", "0"),
    ("YARN_ENABLE_GLOBAL_CACHE", "false"),
    ("YARN_IGNORE_PATH", "1"),
    ("YARN_UNSAFE_HTTP_WHITELIST", "127.0.0.1"),
    ("YARN_CHECKSUM_BEHAVIOR", "ignore"),
];

/// A recipe may not change what keeps the build on the rails.
const RESERVED: [&str; 4] = ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "NODE_OPTIONS"];

/// What a job is made of.
pub(super) struct Parts<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) source: &'a Contents,
    pub(super) commit: &'a ObjectId,
    /// The commit's time, which its files carry: git keeps none.
    pub(super) committed: i64,
    pub(super) tools: &'a Tools,
    pub(super) limits: Limits,
}

impl Parts<'_> {
    /// What decides the outcome of the fetch phase, as a digest; `None` where the recipe has none.
    pub(super) fn fetch_key(&self) -> Option<Sha256> {
        let steps = self.argvs(|step| FETCH.contains(&step.name.as_str()));
        if steps.is_empty() {
            return None;
        }
        let managers = self.tools.managers.iter().map(|(_, tool)| &tool.material);
        let materials: Vec<_> = std::iter::once(&self.tools.node.material).chain(managers).collect();
        let Recipe { as_of, umask, source_date_epoch, .. } = self.recipe;
        let all = (
            steps,
            materials,
            self.commit.to_string(),
            self.env(),
            as_of,
            umask,
            source_date_epoch,
            DRIVER_TEXT,
        );
        serde_json::to_vec(&all).ok().map(|bytes| Sha256::of(&bytes))
    }

    /// Whether the recipe runs the install scripts of dependencies.
    pub(super) fn runs_install_scripts(&self) -> bool {
        self.recipe.steps.iter().any(|step| step.name == commands::INSTALL_SCRIPTS)
    }

    /// The fetch phase.
    pub(super) fn fetching(&self, gateway: Arc<dyn Gateway>) -> Job {
        let mut steps = self.argvs(|step| FETCH.contains(&step.name.as_str()));
        let (archive, list) = (format!("{OUT}/{HANDED_ON}"), format!("{OUT}/{INSTALL_SCRIPTS}"));
        steps.push([NODE, DRIVER, "installs", SOURCE, &list].map(str::to_owned).into());
        // Compressed at all, since it passes through memory; quickly, since it is read once.
        let tar =
            ["/usr/bin/tar", "-C", "/build", "--use-compress-program=gzip -1", "-cf", &archive, "source"];
        steps.push(tar.map(str::to_owned).into());
        let mut job = self.job(&steps, self.source_files(), Network::Gateway(gateway));
        job.env.push(("npm_config_ignore_scripts".to_owned(), "true".to_owned()));
        job.env.push(("YARN_ENABLE_SCRIPTS".to_owned(), "false".to_owned()));
        job
    }

    /// The build phase; `unpacked` is what the fetch phase handed on.
    pub(super) fn building(&self, unpacked: Option<Bytes>) -> Job {
        let mut steps = self.argvs(|step| !FETCH.contains(&step.name.as_str()));
        let inputs = match unpacked {
            Some(bytes) => {
                let untar = ["/usr/bin/tar", "-C", "/build", "-xzf", UNPACKED].map(str::to_owned);
                steps.insert(0, untar.into());
                vec![file(UNPACKED, bytes)]
            }
            None => self.source_files(),
        };
        let mut job = self.job(&steps, inputs, Network::None);
        job.env.push(("npm_config_offline".to_owned(), "true".to_owned()));
        job
    }

    fn argvs(&self, wanted: impl Fn(&Step) -> bool) -> Vec<Vec<String>> {
        self.recipe.steps.iter().filter(|step| wanted(step)).map(|step| step.argv.clone()).collect()
    }

    pub(super) fn job(&self, steps: &[Vec<String>], mut inputs: Vec<InputFile>, network: Network) -> Job {
        inputs.push(file(DRIVER, Bytes::from_static(DRIVER_TEXT.as_bytes())));
        inputs.push(InputFile {
            mode: 0o755,
            ..file(SCRIPT_SHELL, Bytes::from_static(SCRIPT_SHELL_TEXT.as_bytes()))
        });
        inputs.extend(self.tools.managers.iter().flat_map(|(pm, _)| shims(*pm)));
        // Folders exist because a file is in them.
        inputs.extend(
            [OUT, "/build/home", "/build/tmp"].map(|folder| file(&format!("{folder}/.keep"), Bytes::new())),
        );
        // A recipe of one step runs as it stands; several run one after the other under the driver.
        let argv = match steps {
            [only] => only.clone(),
            _ => {
                inputs.push(file(STEPS, Bytes::from(serde_json::to_vec(steps).unwrap_or_default())));
                [NODE, DRIVER, "steps", STEPS].map(str::to_owned).into()
            }
        };
        Job {
            argv,
            env: self.env(),
            cwd: OUT.to_owned(),
            mounts: self.mounts(),
            inputs,
            collect: vec![OUT.to_owned()],
            network,
            limits: self.limits,
            umask: self.recipe.umask & 0o777,
        }
    }

    fn mounts(&self) -> Vec<Mount> {
        let mount = |tool: &super::Tool, target: &str| Mount {
            source: tool.folder.clone(),
            target: target.to_owned(),
            writable: false,
        };
        let managers = self.tools.managers.iter();
        let managers =
            managers.map(|(pm, tool)| mount(tool, pm.entry().split("/bin/").next().unwrap_or_default()));
        std::iter::once(mount(&self.tools.node, "/tools/node")).chain(managers).collect()
    }

    /// Fixed variables, the registry, then the recipe's own, each name once.
    fn env(&self) -> Vec<(String, String)> {
        let own = |name: &str| self.recipe.env.contains_key(name);
        let fixed = FIXED_ENV.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let day = self.recipe.as_of.to_zoned(TimeZone::UTC).date();
        let registry = format!("http://127.0.0.1:{}/npm/@{day}", Job::GATEWAY_PORT);
        let mut all: Vec<(String, String)> = fixed.collect();
        all.push(("YARN_NPM_REGISTRY_SERVER".to_owned(), registry.clone()));
        all.push(("npm_config_registry".to_owned(), format!("{registry}/")));
        if let Some(epoch) = self.recipe.source_date_epoch {
            all.push(("SOURCE_DATE_EPOCH".to_owned(), epoch.to_string()));
        }
        let mut env: Vec<_> = all.into_iter().filter(|(name, _)| !own(name)).collect();
        let allowed = self.recipe.env.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
        env.extend(allowed.map(|(name, value)| (name.clone(), value.clone())));
        env
    }

    fn source_files(&self) -> Vec<InputFile> {
        self.source.members.iter().map(|(path, member)| self.source_file(path, member)).collect()
    }

    pub(super) fn source_file(&self, path: &str, member: &Member) -> InputFile {
        InputFile {
            path: format!("{SOURCE}/{path}"),
            bytes: member.bytes.clone(),
            mode: (member.mode.unwrap_or(0o644) & 0o777) | 0o600,
            mtime: Some(self.recipe.source_date_epoch.unwrap_or(self.committed)),
        }
    }
}

/// The commands by which scripts call a package manager.
fn shims(pm: Pm) -> Vec<InputFile> {
    let names: &[(&str, &str)] = match pm {
        Pm::Npm => &[("npm", "/tools/npm/bin/npm-cli.js"), ("npx", "/tools/npm/bin/npx-cli.js")],
        Pm::Pnpm => &[("pnpm", "/tools/pnpm/bin/pnpm.cjs")],
        Pm::YarnClassic => &[("yarn", "/tools/yarn/bin/yarn.js")],
        Pm::YarnBerry => &[("yarn", "/tools/berry/bin/yarn.js")],
    };
    let shim = |(name, entry): &(&str, &str)| InputFile {
        mode: 0o755,
        ..file(
            &format!("/build/mill/bin/{name}"),
            Bytes::from(format!("#!/tools/node/bin/node\nrequire('{entry}');\n")),
        )
    };
    names.iter().map(shim).collect()
}

pub(super) fn file(path: &str, bytes: Bytes) -> InputFile {
    InputFile { path: path.to_owned(), bytes, mode: 0o644, mtime: None }
}
