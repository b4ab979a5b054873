//! What we promised: customers, tickets, obligations and their rungs. Pure and stateless.
//!
//! [`decide`](decide::decide) looks at a [`case::Case`] (the rows that an input may touch), the
//! input and the time, and answers with the [`fact::Fact`]s that follow, or a refusal. Reading
//! order: [`ticket`], [`clock`], [`policy`], [`command`], [`case`], [`fact`], [`decide`].

pub mod clock;
pub mod command;
pub mod ticket;

pub use clock::Rung;
