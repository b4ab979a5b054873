//! The rules of the desk as scripts against a real store in virtual time.
