//! What we promised: customers, tickets, obligations and their rungs. Pure and stateless.
//!
//! [`decide`](decide::decide) looks at a [`case::Case`] (the rows that an input may touch), the
//! input and the time, and answers with the [`fact::Fact`]s that follow, or a refusal. Reading
//! order: [`ticket`], [`clock`], [`policy`], [`command`], [`case`], [`fact`], [`decide`].

pub mod asking;
pub mod calendar;
mod callbacks;
mod calls;
pub mod case;
pub mod clock;
pub mod command;
pub mod customer;
pub mod customers;
pub mod deadline;
pub mod decide;
pub mod draw;
pub mod fact;
pub mod handling;
pub mod looks;
mod matters;
pub mod media;
mod owed;
pub mod ownership;
pub mod papers;
mod people;
pub mod policy;
mod reclass;
pub mod regroup;
pub mod rehearsal;
pub mod rights;
mod rungs;
pub mod states;
mod steps;
pub mod survey;
mod surveys;
mod talks;
mod terms;
#[cfg(test)]
mod tests;
pub mod ticket;
mod tickets;
mod told;
mod waiting;

pub use callbacks::dials;
pub use calls::weighs;
pub use clock::{News, Rung};
pub use rungs::LATE_AFTER;
pub use told::{Addressee, Post, stand_in};
