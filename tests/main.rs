//! End to end, through the real binary. A module a subject; [`house`] starts and stops it.

#[cfg(feature = "asterisk")]
mod asterisk;
mod gap;
mod house;
mod kill;
mod start;
