//! End to end, through the real binary. A module a subject; [`house`] starts and stops it.

mod house;
