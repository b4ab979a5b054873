//! Real calls through a real Asterisk, 22 or 16, and what the daemon makes of them.
//!
//! `RINGBACK_ASTERISK=16 cargo test --features asterisk asterisk::` wants root, and
//! `tests/asterisk/lab.sh 16 install` to have run; without a version it is 22. A lab that does not
//! start is a failure, for nothing here may be skipped unseen.

mod asking;
mod callbacks;
mod calls;
mod groups;
mod headset;
mod lab;
mod looks;
mod others;
mod outages;
mod parking;
mod phone;
mod plain;
mod queues;
mod scene;
mod stage;
mod surveys;
mod tape;
mod transfers;
mod visitor;
mod wiring;
