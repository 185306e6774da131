//! The integration tests of this crate: one binary, modules that mirror `src`.

#[cfg(test)]
mod build;
#[cfg(test)]
mod build_native;
#[cfg(test)]
mod build_real;
#[cfg(test)]
mod build_world;
#[cfg(test)]
mod cargo_lockfile;
#[cfg(test)]
mod cargo_pack;
#[cfg(test)]
mod cargo_registry;
#[cfg(test)]
mod definition;
#[cfg(test)]
mod interpreter;
#[cfg(test)]
mod lockfile_graph;
#[cfg(test)]
mod lockfile_marker;
#[cfg(test)]
mod lockfile_pylock;
#[cfg(test)]
mod lockfile_requirements;
#[cfg(test)]
mod lockfile_uv_lock;
#[cfg(test)]
mod npm_build;
#[cfg(test)]
mod npm_lockfile;
#[cfg(test)]
mod npm_registry;
#[cfg(test)]
mod pypi_registry;
#[cfg(test)]
mod pypi_version;
#[cfg(test)]
mod version_order;
