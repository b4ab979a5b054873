//! The store remembers: facts, and the tables that pages read, in one SQLite file.

pub mod read;
mod reader;
