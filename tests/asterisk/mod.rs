//! Real calls through a real Asterisk 22, and what the daemon makes of them.
//!
//! `cargo test --features asterisk asterisk::` wants root, and `tests/asterisk/lab.sh install` to have
//! run; a lab that does not start is a failure, for nothing here may be skipped unseen.

mod callbacks;
mod calls;
mod lab;
mod outages;
mod phone;
mod scene;
mod visitor;
mod wiring;
