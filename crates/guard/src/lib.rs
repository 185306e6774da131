//! The agent guard: an agent can do only what a person leased to it.
//!
//! One decision point stands between an agent and its tools, outside of the agent's process, and holds the credentials
//! that the agent does not have. It decides over *effects*, not over names of tools:
//!
//! * the operator's [`catalogue`] says what each tool does and what its arguments decide;
//! * a task begins read-only. The user's own [`words`] lease what they ask for, a person leases the rest ([`lease`]), over
//!   the digest of what was shown, or less of it ([`narrow`]);
//! * a value that decides who receives, pays or is deleted is [`ground`]ed in the user's words or in a system's record;
//! * a [`session`] keeps [`label`]s of what was read; they outlive whatever the agent forgets, and what it writes has them too;
//! * every attempt, decision, lease and outcome is a [`record`] in a hash chain, and the records are the state.
//!
//! Everything here is pure: no clock, file or socket. Doors and storage are joined to it from outside.

pub mod call;
pub mod catalogue;
pub mod decide;
pub mod effect;
pub mod fit;
pub mod ground;
pub mod label;
pub mod lease;
pub mod narrow;
pub mod record;
pub mod replay;
pub mod session;
pub mod value;
pub mod words;
pub mod yaml;

pub use effect::Effect;
