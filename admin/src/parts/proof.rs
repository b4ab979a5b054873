//! The proof of what was kept: with whom, when and how long somebody talked; and the tries that came to nothing.

use std::sync::Arc;

use askama::Template;
use daemon::calls::call::{Direction, Outcome};
use daemon::desk::clock::Proof;
use daemon::desk::policy::Policy;
use daemon::store::read::{Directory, ObligationRow, StoredCall, TicketPage};

use super::part;
use crate::auth::Visitor;
use crate::pen::Pen;

#[derive(Template)]
#[template(path = "parts/proof.html")]
pub struct ProofPart {
    pen: Pen,
    proofs: Vec<(ObligationRow, Proof, Option<StoredCall>)>,
    tries: Vec<StoredCall>,
    calls: Vec<StoredCall>,
    directory: Arc<Directory>,
    talk_ms: i64,
}
part!(ProofPart = "proof");

impl ProofPart {
    pub fn of(visitor: &Visitor, page: &TicketPage, policy: &Policy) -> ProofPart {
        let call_of = |proof: &Proof| page.calls.iter().find(|call| call.id == proof.call).cloned();
        let kept = page.obligations.iter().filter_map(|row| Some((row.clone(), row.proof.clone()?)));
        let tried = |call: &&StoredCall| {
            call.direction == Direction::Outbound
                && matches!(call.outcome, Some(Outcome::Busy | Outcome::NoAnswer | Outcome::Failed))
        };
        ProofPart {
            pen: visitor.pen.clone(),
            proofs: kept.map(|(row, proof)| (row, proof.clone(), call_of(&proof))).collect(),
            tries: page.calls.iter().filter(tried).cloned().collect(),
            calls: page.calls.clone(),
            directory: visitor.directory.clone(),
            talk_ms: policy.terms.callback.talk_ms,
        }
    }

    fn agent(&self, call: Option<&StoredCall>, proof: &Proof) -> String {
        let person = call.and_then(|call| self.directory.holder(&call.pbx, &proof.agent));
        let name = person.map(|person| person.name.as_str()).unwrap_or_default();
        format!("{} {name}", proof.agent).trim().to_owned()
    }
    fn by(&self, call: &StoredCall) -> String {
        let person = call.person.and_then(|person| self.directory.person(person));
        person.map(|p| p.name.clone()).or_else(|| call.agent.as_ref().map(ToString::to_string)).unwrap_or_default()
    }
}
