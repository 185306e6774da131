//! The serving side of npm, over a registry that a test wrote down.

mod bad_input;
mod concurrency;
mod files;
mod pages;
mod past;
mod shelf;
mod world;
