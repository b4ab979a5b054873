#![doc = include_str!("../README.md")]

pub mod ami;
pub mod charset;
pub mod esl;
pub mod event;
pub mod native;
pub mod request;
pub mod session;
#[cfg(test)]
mod testing;

pub use event::{CallEvent, Extension, LegId, QueueName};
pub use request::Request;
