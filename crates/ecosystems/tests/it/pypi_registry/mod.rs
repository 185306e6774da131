//! The registry against an index above it: what clients are answered, fact by fact.

mod concurrency;
mod files;
mod gate;
mod locks;
mod outage;
mod pages;
mod shelf;
mod world;
