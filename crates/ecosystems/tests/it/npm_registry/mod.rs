//! The serving side of npm, over a registry that a test wrote down.

mod audit;
mod bad_input;
mod concurrency;
mod files;
mod gate;
mod pages;
mod past;
mod shelf;
mod world;
