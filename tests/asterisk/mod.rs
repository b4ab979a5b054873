//! Real calls through a real Asterisk 22, and what the daemon makes of them.
//!
//! `cargo test --features asterisk asterisk::` wants root and [`lab.sh install`](lab) to have
//! run; a lab that does not start is a failure, for nothing here may be skipped unseen.

mod lab;
mod phone;
mod wiring;
