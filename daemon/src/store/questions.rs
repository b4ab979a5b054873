//! The questions of [`Reader`](super::reader::Reader) in SQL, each on one state of the store, in the file of
//! its noun; what a noun with a file of its own in the store keeps, as papers or surveys, it answers for itself.

pub mod calls;
pub mod card;
pub mod customers;
pub mod looks;
pub mod obligations;
pub mod owed;
pub mod people;
pub mod tickets;
pub mod timeline;
