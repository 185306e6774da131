//! The sandbox from the outside: what a hostile job can reach, use up and leave behind, in both backends,
//! started by root and by an ordinary user.

mod boundaries;
mod exchange;
mod gateway;
mod harness;
mod leftovers;
mod limits;
mod network;
