//! End to end, through the real binary. A module a subject; [`house`] starts and stops it. The [`year`]
//! alone is lived without it, in virtual time.

mod asking;
#[cfg(feature = "asterisk")]
mod asterisk;
mod attachments;
#[cfg(feature = "browser")]
mod browser;
mod cable;
mod capture;
mod customers;
mod draws;
mod evidence;
mod freeswitch;
mod gap;
mod house;
#[cfg(feature = "faketime")]
mod jumps;
mod kill;
mod native;
mod owed;
#[cfg(any(feature = "browser", feature = "faketime"))]
#[cfg_attr(not(feature = "browser"), expect(dead_code, reason = "the browser suite does more with it"))]
mod pbx;
mod policy;
mod start;
#[cfg(feature = "asterisk")]
mod truth;
mod year;
