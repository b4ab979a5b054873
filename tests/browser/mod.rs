//! What people see: headless Chromium at the real binary, beside a PBX that plays each scene.

mod approvals;
mod asking;
mod chromium;
mod door;
mod duty;
mod hostile;
mod live;
mod owed;
mod policy;
mod pop;
mod register;
mod scene;
mod shots;
mod ticket;
mod trouble;
mod two;
