//! What lives on a page: each part is written once, put into the page by its template and sent
//! again under its id by the stream whenever it changed.

pub mod board;
pub mod clocks;
pub mod course;
pub mod duties;
pub mod handling;
pub mod links;
pub mod owed;
pub mod owners;
pub mod phone;
pub mod pop;
pub mod proof;
pub mod status;
pub mod timeline;
pub mod waiting;

use askama::Template;

/// A part that the stream replaces. `id` is the id of its outermost element.
pub trait Part: Template {
    fn id(&self) -> String;
}

macro_rules! part {
    ($($name:ident = $id:literal),*) => { $(
        impl askama::filters::HtmlSafe for $name {}
        impl $crate::parts::Part for $name {
            fn id(&self) -> String { $id.to_owned() }
        }
    )* };
}
pub(crate) use part;
