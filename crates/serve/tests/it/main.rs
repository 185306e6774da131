//! The integration tests of this crate: one binary, modules that mirror `src`.

#[cfg(test)]
mod access;
#[cfg(test)]
mod alerts;
#[cfg(test)]
mod cargo_refusals;
#[cfg(test)]
mod client;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod journal;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod wire;
