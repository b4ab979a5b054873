//! End to end, through the real binary. A module a subject; [`house`] starts and stops it.

mod asking;
#[cfg(feature = "asterisk")]
mod asterisk;
#[cfg(feature = "browser")]
mod browser;
mod cable;
mod capture;
mod freeswitch;
mod gap;
mod house;
mod kill;
mod native;
#[cfg(feature = "browser")]
mod pbx;
mod policy;
mod start;
#[cfg(feature = "asterisk")]
mod truth;
