//! What is owed: one's own, the team's, and an obligation whole.

use daemon::desk::clock::Claim;
use daemon::store::read::{ObligationRow, OwedPage};
use daemon::{ObligationId, Time};

use crate::auth::{Right, Visitor, Watch};
use crate::error::Error;
use crate::state::State;

/// An agent sees what they owe, or who is away and for whom they stand in, and what nobody owes; to
/// others it is not there.
pub fn may_see(visitor: &Visitor, row: &ObligationRow) -> bool {
    let me = visitor.person.id;
    let theirs = |owner| owner == me || visitor.directory.stand_in(owner) == Some(me);
    Watch::allows(visitor.person.role) || row.owner.is_none_or(theirs)
}

/// Who works on it now.
pub fn claimed(row: &ObligationRow, now: Time) -> Option<Claim> {
    row.claim.filter(|claim| claim.until > now)
}

/// The obligation, where the reader may see it.
pub async fn by_id(state: &State, visitor: &Visitor, id: ObligationId) -> Result<OwedPage, Error> {
    let page = state.reader.owed_page(id).await?;
    page.filter(|page| may_see(visitor, &page.row)).ok_or(Error::NotFound)
}

/// A closed enum's word in a query; empty chooses none.
pub fn parsed<T>(name: &str, word: Option<&str>, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Error> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    parse(word).map(Some).ok_or_else(|| Error::Parameter(format!("{name} is {word:?}, which there is not")))
}
