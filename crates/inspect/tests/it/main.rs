//! Integration tests of `trustmill-inspect`: crafted archives, properties, real wheels.

#[cfg(test)]
mod archive_sdist;
#[cfg(test)]
mod archive_tar_gz;
#[cfg(test)]
mod archive_zip;
#[cfg(test)]
mod compare;
#[cfg(test)]
mod compare_packages;
#[cfg(test)]
mod craft;
#[cfg(test)]
mod mutants;
#[cfg(test)]
mod native;
#[cfg(test)]
mod osv_records;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod real_packages;
#[cfg(test)]
mod real_wheels;
#[cfg(test)]
mod record;
#[cfg(test)]
mod replay_tar_gz;
#[cfg(test)]
mod vulns;
