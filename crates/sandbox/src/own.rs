//! The default backend: Linux's own primitives, no helper program.

use crate::cgroup::Cgroups;
use crate::init::PROBE;
use crate::spec::Stage;
use crate::supervise::{self, Start};
use crate::{InitCommand, UNPRIVILEGED, doctor};
use async_trait::async_trait;
use std::process::Command;
use trustmill_core::port::sandbox::{Job, LayerStatus, Report, Sandbox, SandboxError};

/// Runs jobs in namespaces that it makes itself. Works as root and as an ordinary user; root gives itself an
/// unprivileged id for the job.
///
/// A run needs a tokio runtime with its IO and time drivers on.
#[derive(Debug)]
pub struct Own {
    init: InitCommand,
    cgroups: Cgroups,
}

impl Own {
    /// A backend whose init is `init`. Looks at the control groups once.
    pub fn new(init: InitCommand) -> Self {
        Self { init, cgroups: Cgroups::detect() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.init.program);
        command.args(&self.init.args);
        command
    }
}

#[async_trait]
impl Sandbox for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    fn layers(&self) -> Vec<LayerStatus> {
        let mut probe = self.command();
        probe.arg(PROBE).env_clear().current_dir("/");
        doctor::layers(Ok(probe), &self.cgroups)
    }

    async fn run(&self, job: Job) -> Result<Report, SandboxError> {
        let stage = Stage::Whole { drop_to: UNPRIVILEGED };
        supervise::run(
            Start { command: self.command(), stage, cgroups: &self.cgroups, ids: UNPRIVILEGED },
            job,
        )
        .await
    }
}
