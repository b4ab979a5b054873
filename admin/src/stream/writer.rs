//! One browser's stream: what wakes it becomes the parts that its pages show, each written anew and sent
//! where it is another than before.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::response::sse::Event;
use daemon::calls::now::AgentNow;
use daemon::live::{BoardNow, LinkNow, Notice, Pop};
use daemon::{CallId, PbxName};
use jiff::civil::Date;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::said;
use super::wakes::{Wake, Wakes};
use crate::auth::{Visitor, stands};
use crate::pages::Room;
use crate::pages::admin::seen;
use crate::pages::desk::{Diary, pop_card};
use crate::parts::board::{Agents, Callers, Figures, Queues};
use crate::parts::duties::AtRisk;
use crate::parts::links::{EventRow, Links};
use crate::parts::phone::Phone;
use crate::parts::status::Status;
use crate::parts::waiting::Waiting;
use crate::parts::{Part, pop};
use crate::period;
use crate::state::State;

/// After a change of one's own, before lists are read again: what changes together comes together.
const SOON: Duration = Duration::from_millis(30);

/// After a change of what nobody owns, which all desks show: they read it spread over this time,
/// so that a thousand of them do not stand before the store when a phone rings.
const SPREAD_MS: std::ops::Range<u64> = 300..5_000;

/// One browser's stream.
pub struct Writer {
    state: State,
    visitor: Visitor,
    rooms: Vec<Room>,
    /// Made and not yet taken: what one wake says, never more.
    unsent: VecDeque<Event>,
    ended: bool,
    links: BTreeMap<PbxName, LinkNow>,
    store_failing: bool,
    unknown_years: Vec<i16>,
    /// The policy and the day by which they were looked up last.
    years_by: Option<(i64, Date)>,
    board: Option<Arc<BoardNow>>,
    phone: Option<AgentNow>,
    /// Pops that stand, by call.
    pops: BTreeMap<CallId, Arc<Pop>>,
    /// What was sent last under each id: the same again is not sent. Bounded by the parts of the
    /// pages; pops that went are forgotten.
    sent: HashMap<String, String>,
    /// When duties, tabs and tickets are to be read again.
    diary_at: Option<Instant>,
}

/// The stream is over.
struct Over;

impl Writer {
    pub fn new(state: State, visitor: Visitor, rooms: Vec<Room>) -> Writer {
        Writer {
            state,
            visitor,
            rooms,
            unsent: VecDeque::new(),
            ended: false,
            links: BTreeMap::new(),
            store_failing: false,
            unknown_years: Vec::new(),
            years_by: None,
            board: None,
            phone: None,
            pops: BTreeMap::new(),
            sent: HashMap::new(),
            diary_at: None,
        }
    }

    /// The next event; none when the stream is over.
    pub async fn next(&mut self, wakes: &mut Wakes) -> Option<Event> {
        loop {
            if let Some(event) = self.unsent.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            self.ended = match wakes.standing.take() {
                Some(standing) => self.begin(standing).await,
                None => {
                    let wake = wakes.next(self.diary_at, self.shows(Room::Live)).await;
                    self.woken(wake).await
                }
            }
            .is_err();
        }
    }

    async fn woken(&mut self, wake: Wake) -> Result<(), Over> {
        match wake {
            Wake::Notice(Some(notice)) => self.notice(notice).await,
            Wake::Ping => {
                self.ping().await?;
                self.look_ahead().await
            }
            Wake::AtRisk => self.at_risk().await,
            Wake::Diary => self.diary().await,
            Wake::SignedOut(Ok(session)) if session != self.visitor.session => Ok(()),
            Wake::SignedOut(Err(broadcast::error::RecvError::Lagged(_))) => self.check().await,
            Wake::SignedOut(Ok(_) | Err(broadcast::error::RecvError::Closed)) => {
                // Told, or else the browser would come back for ever.
                self.send(Event::default().event("signed-out").data("{}"));
                Err(Over)
            }
            Wake::Notice(None) | Wake::Stop => Err(Over),
        }
    }

    /// What stands now, all of it, and which pops those are: others that the page shows are gone.
    async fn begin(&mut self, standing: Vec<Notice>) -> Result<(), Over> {
        // Browsers come back spread out after a restart, not all at once.
        let retry = Duration::from_millis(rand::random_range(2_000..6_000));
        self.send(Event::default().retry(retry).event("hello").data("{}"));
        self.ping().await?;
        for notice in standing {
            self.notice(notice).await?;
        }
        let ids: Vec<String> = self.pops.keys().map(pop::id).collect();
        self.send(Event::default().event("pops").data(json!({ "only": ids }).to_string()));
        self.look_ahead().await?;
        if self.shows(Room::Desk) {
            self.phone().await?;
            self.waiting().await?;
            self.diary().await?;
        }
        if self.shows(Room::Links) {
            self.links().await?;
            self.ledger().await?;
        }
        Ok(())
    }

    /// What is written now, is: at this moment, and masked as the terms in force say.
    fn look_anew(&mut self) {
        let Visitor { pen, person, .. } = &mut self.visitor;
        *pen = self.state.pen(pen.language, Some(person.role));
    }

    async fn notice(&mut self, notice: Notice) -> Result<(), Over> {
        self.look_anew();
        match notice {
            Notice::Pop(pop) => self.pop(pop).await,
            Notice::PopGone { call, .. } => self.pop_gone(&call).await,
            Notice::Phone(phone) => {
                self.phone = Some(AgentNow::clone(&phone));
                self.phone().await
            }
            Notice::Board(board) => {
                self.board = Some(board);
                self.board().await
            }
            Notice::Duties(_) => {
                self.diary_within(SOON);
                Ok(())
            }
            Notice::Obligations => {
                self.diary_within(Duration::from_millis(rand::random_range(SPREAD_MS)));
                self.at_risk().await
            }
            Notice::Approvals => {
                self.send(Event::default().event("approvals").data("{}"));
                Ok(())
            }
            Notice::Ticket(ticket) => {
                self.diary_within(SOON);
                self.send(Event::default().event("ticket").data(json!({ "ticket": ticket.0 }).to_string()));
                Ok(())
            }
            Notice::Link(link) => {
                let before = self.links.insert(link.pbx.clone(), LinkNow::clone(&link));
                self.status().await?;
                if before.is_some_and(|before| before.unseen_since != link.unseen_since) {
                    let its: Vec<_> = self.pops.values().filter(|pop| pop.call.pbx == link.pbx).cloned().collect();
                    for pop in its {
                        self.pop(pop).await?;
                    }
                }
                if self.shows(Room::Desk) {
                    self.waiting().await?;
                }
                self.links().await?;
                self.ledger().await
            }
            Notice::Store { failing } => {
                self.store_failing = failing;
                self.status().await
            }
            Notice::House => self.house().await,
            Notice::Event(event) => {
                let row = EventRow { pen: &self.visitor.pen, event: &event }.render().map_err(|_| Over)?;
                self.send(Event::default().event("event").data(json!({ "html": row }).to_string()));
                Ok(())
            }
            Notice::Told(told) => {
                let said = said::told(&self.state, &self.visitor, &told).await;
                said.into_iter().for_each(|event| self.send(event));
                Ok(())
            }
            Notice::Beside { person, obligation, claim } => {
                let said = said::beside(&self.state, &self.visitor, person, obligation, claim).await;
                said.into_iter().for_each(|event| self.send(event));
                Ok(())
            }
            Notice::NotDone(not_done) => {
                self.send(said::not_done(&self.visitor.pen, &not_done));
                Ok(())
            }
            Notice::Missed(missed) => {
                tracing::warn!(missed, person = %self.visitor.person.id, "a browser was too slow");
                self.send(Event::default().event("resync").data("{}"));
                Ok(())
            }
        }
    }

    async fn pop(&mut self, pop: Arc<Pop>) -> Result<(), Over> {
        let call = pop.call.id.clone();
        let stood = self.pops.contains_key(&call);
        if pop.state.stands() {
            self.pops.insert(call.clone(), pop.clone());
        } else {
            self.pops.remove(&call);
        }
        self.card(pop).await?;
        if !self.pops.contains_key(&call) {
            self.sent.remove(&pop::id(&call));
        }
        // Tabs and duties go by which calls are on the phone, not by how far they have come.
        if stood != self.pops.contains_key(&call) {
            self.diary_within(SOON);
        }
        Ok(())
    }

    async fn card(&mut self, pop: Arc<Pop>) -> Result<(), Over> {
        match pop_card(&self.state, &self.visitor, pop).await {
            Ok(card) => self.part_in(card.seen_by(&self.links), Some("pops")).await,
            // A call must never go unseen because its customer could not be read.
            Err(error) => {
                tracing::error!(code = error.code(), "a pop's card could not be read");
                Ok(())
            }
        }
    }

    async fn pop_gone(&mut self, call: &CallId) -> Result<(), Over> {
        self.pops.remove(call);
        self.sent.remove(&pop::id(call));
        self.send(Event::default().event("fragment").data(json!({ "id": pop::id(call) }).to_string()));
        Ok(())
    }

    async fn phone(&mut self) -> Result<(), Over> {
        let phone = Phone::new(self.visitor.pen.clone(), self.phone.clone(), &self.visitor.extensions);
        self.part(phone).await
    }

    async fn waiting(&mut self) -> Result<(), Over> {
        self.part(Waiting::new(self.visitor.pen.clone(), &self.visitor.extensions, &self.links)).await
    }

    async fn status(&mut self) -> Result<(), Over> {
        let (pen, role) = (self.visitor.pen.clone(), self.visitor.person.role);
        let status = Status::new(pen, &self.links, self.store_failing, self.unknown_years.clone(), role);
        self.part(status).await
    }

    /// Tells when a year has come into reach, or got its table, since a page was opened that may stand
    /// for days.
    async fn look_ahead(&mut self) -> Result<(), Over> {
        self.visitor.pen.now = self.state.now();
        let (policy, today) = (self.state.reader.policy(), self.visitor.pen.today());
        if self.years_by.replace((policy.version, today)) == Some((policy.version, today)) {
            return Ok(());
        }
        self.unknown_years = policy.unknown_years(self.visitor.pen.now).into_keys().collect();
        self.status().await
    }

    async fn board(&mut self) -> Result<(), Over> {
        let Some(board) = self.board.clone() else { return Ok(()) };
        let (pen, directory) = (self.visitor.pen.clone(), self.visitor.directory.clone());
        if self.shows(Room::Live) {
            self.part(Figures { pen: pen.clone(), board: board.clone() }).await?;
            self.part(Queues { pen: pen.clone(), board: board.clone() }).await?;
            self.part(Callers { pen: pen.clone(), board: board.clone() }).await?;
            let phones = self.visitor.extensions.iter().map(|(pbx, _)| pbx.clone()).collect();
            self.part(Agents { pen, board, directory, phones }).await?;
        }
        self.links().await
    }

    async fn links(&mut self) -> Result<(), Over> {
        if !self.shows(Room::Links) {
            return Ok(());
        }
        let pen = self.visitor.pen.clone();
        self.part(Links { pen, links: self.links.clone(), board: self.board.clone() }).await
    }

    async fn ledger(&mut self) -> Result<(), Over> {
        if !self.shows(Room::Links) {
            return Ok(());
        }
        let pbxs = self.links.keys().cloned().collect();
        // Another period than today stands under another id.
        let today = period::Asked::default();
        let Ok((ledger, coverage)) = seen(&self.state, &self.visitor, &today, pbxs).await else { return Ok(()) };
        self.part(ledger).await?;
        self.part(coverage).await
    }

    fn diary_within(&mut self, wait: Duration) {
        let at = Instant::now() + wait;
        self.diary_at = Some(self.diary_at.map_or(at, |earlier| earlier.min(at)));
    }

    async fn diary(&mut self) -> Result<(), Over> {
        self.diary_at = None;
        self.look_anew();
        if self.shows(Room::Owed) || self.shows(Room::Obligation) {
            // Which list or which obligation is the tab's own affair: it reads itself again.
            self.send(Event::default().event("owed").data("{}"));
        }
        if !self.shows(Room::Desk) {
            return Ok(());
        }
        let standing: Vec<Arc<Pop>> = self.pops.values().cloned().collect();
        // Who calls and why may be known better by now.
        for pop in standing.iter().cloned() {
            self.card(pop).await?;
        }
        let Ok(diary) = Diary::read(&self.state, &self.visitor, &standing).await else { return Ok(()) };
        self.part(diary.duties(&self.visitor, &standing)).await?;
        self.part(diary.my_open(&self.visitor)).await?;
        // Which tab is chosen is the tab's own affair; its script marks it.
        self.part(diary.tabs(&self.visitor, None, None)).await
    }

    async fn at_risk(&mut self) -> Result<(), Over> {
        if !self.shows(Room::Live) {
            return Ok(());
        }
        self.look_anew();
        let Ok(rows) = self.state.reader.at_risk(self.visitor.pen.now).await else { return Ok(()) };
        let (pen, directory) = (self.visitor.pen.clone(), self.visitor.directory.clone());
        self.part(AtRisk { pen, rows, directory }).await
    }

    /// People or extensions changed: perhaps this reader.
    async fn house(&mut self) -> Result<(), Over> {
        self.check().await?;
        let Ok(directory) = self.state.reader.directory().await else { return Ok(()) };
        let me = self.visitor.person.id;
        let phones: Vec<_> = directory.extensions_of(me).map(|(pbx, e)| (pbx.clone(), e.clone())).collect();
        let role = directory.person(me).map(|person| person.role);
        let stands_in = directory.stands_in_for(me).ne(self.visitor.directory.stands_in_for(me));
        if phones != self.visitor.extensions || role != Some(self.visitor.person.role) || stands_in {
            // Other topics: the browser comes back at once and is subscribed afresh.
            self.send(Event::default().event("resync").data("{}"));
            return Err(Over);
        }
        self.visitor.directory = directory;
        self.look_ahead().await?;
        self.ledger().await
    }

    async fn ping(&mut self) -> Result<(), Over> {
        self.check().await?;
        let data = json!({ "now": self.state.now().timestamp_millis(), "build": self.state.house.build });
        self.send(Event::default().event("ping").data(data.to_string()));
        Ok(())
    }

    /// Ends the stream of a session that no longer stands.
    async fn check(&mut self) -> Result<(), Over> {
        if stands(self.visitor.session, &self.state).await {
            return Ok(());
        }
        self.send(Event::default().event("signed-out").data("{}"));
        Err(Over)
    }

    async fn part(&mut self, part: impl Part) -> Result<(), Over> {
        self.part_in(part, None).await
    }

    async fn part_in(&mut self, part: impl Part, within: Option<&str>) -> Result<(), Over> {
        let id = part.id();
        let html = part.render().map_err(|error| {
            tracing::error!(%error, id, "a part could not be written");
            Over
        })?;
        if self.sent.get(&id) == Some(&html) {
            return Ok(());
        }
        let data = json!({ "id": id, "html": html, "in": within });
        self.sent.insert(id, html);
        self.send(Event::default().event("fragment").data(data.to_string()));
        Ok(())
    }

    fn send(&mut self, event: Event) {
        self.unsent.push_back(event);
    }

    fn shows(&self, room: Room) -> bool {
        self.rooms.contains(&room)
    }
}
