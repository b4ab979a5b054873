//! Commits, failures and the alarm, on a real store.
