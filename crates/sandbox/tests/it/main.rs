//! The sandbox from the outside: what a hostile job can reach, use up and leave behind, in both backends,
//! started by root and by an ordinary user.

#[cfg(test)]
mod boundaries;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod leftovers;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod network;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod scanner;
