//! The stream: what lives on the reader's pages, sent again whenever it changed.
//!
//! `GET /stream?pages=desk,live&lang=en`: one stream a browser and language, for all of its tabs;
//! a worker sends no page's `Accept-Language`, so the page says what it speaks. Events:
//! `fragment` `{"id","html","in"?}` (no `html`: gone), `told` `{"id","text","late","href"}`, `not-done` `{"text"}` (what
//! this reader asked of a PBX and was not done), `beside` `{"text","href"}` (another works on what this
//! reader calls about), `owed` (what is owed changed), `event` (a row of the
//! events' live view), `ping` `{"now","build"}` every 15 s, `resync` (something was missed: read the
//! page again). Data is always one line of JSON, in which no CR, LF or NUL can stand: whatever a
//! caller is named, it cannot begin an event of its own.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State as FromState};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use daemon::calls::now::AgentNow;
use daemon::desk::News;
use daemon::desk::clock::Claim;
use daemon::desk::command::SessionHash;
use daemon::live::{BoardNow, LinkNow, Message, NotDone, Notice, Pop, Subscription, Topic, WhyNot};
use daemon::store::read::ToldOf;
use daemon::{CallId, ObligationId, PbxName, PersonId, Role};
use futures_util::stream::unfold;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::time::{Instant, Interval, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::auth::{Anyone, Desk, Govern, Oversee, Read, Require, Right, Visitor, Watch, Wire, stands};
use crate::error::{Error, refusal_code};
use crate::pages::Room;
use crate::pages::admin::seen;
use crate::pages::desk::{Diary, pop_card, topics};
use crate::pages::messages::{sees, told_in_words};
use crate::parts::Part;
use crate::parts::board::{Agents, Callers, Figures, Queues};
use crate::parts::duties::AtRisk;
use crate::parts::links::{EventRow, Links};
use crate::parts::phone::Phone;
use crate::parts::pop;
use crate::parts::status::Status;
use crate::parts::waiting::Waiting;
use crate::pen::Pen;
use crate::period;
use crate::state::State;
use crate::text::Language;

/// A browser that hears nothing for three of these says so in red.
const PING: Duration = Duration::from_secs(15);

/// How often what is late is looked at afresh, for whoever watches: a chip turns by itself in the
/// browser, but a row enters the list only by being read.
const AT_RISK: Duration = Duration::from_secs(10);

/// After a change of one's own, before lists are read again: what changes together comes together.
const SOON: Duration = Duration::from_millis(30);

/// After a change of what nobody owns, which all desks show: they read it spread over this time,
/// so that a thousand of them do not stand before the store when a phone rings.
const SPREAD_MS: std::ops::Range<u64> = 300..5_000;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    pages: String,
    lang: Option<String>,
}

pub async fn stream(
    FromState(state): FromState<State>,
    Require { mut visitor, .. }: Require<Anyone>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    if let Some(language) = asked.lang.as_deref().and_then(Language::parse) {
        visitor.pen.language = language;
    }
    let role = visitor.person.role;
    let mut rooms: Vec<Room> = asked.pages.split(',').filter_map(Room::parse).collect();
    // Whoever asks for more than their role may see gets what it may see.
    rooms.retain(|room| match room {
        Room::Desk => Desk::allows(role),
        Room::Tickets | Room::Ticket | Room::Owed | Room::Obligation => Read::allows(role),
        Room::Customers | Room::Customer | Room::Blacklist => Read::allows(role),
        Room::Import => Watch::allows(role),
        Room::Live | Room::Reports | Room::Approvals => Watch::allows(role),
        Room::Links | Room::People => Wire::allows(role),
        Room::Policy | Room::Departments => Oversee::allows(role),
        Room::Audit => Govern::allows(role),
        Room::Away | Room::Message | Room::Failed => true,
    });
    let subscription = state.live.subscribe(topics_of(&rooms, &visitor)).await?;
    // Subscribed before the answer begins, so that no sign-out falls between.
    let signed_out = state.door.signed_out.subscribe();
    let wakes = Wakes::new(subscription, signed_out, state.stop.clone());
    // Driven by the connection itself, which asks for the next event when the socket takes it: no
    // task between a notice and the wire, and what a slow browser has not taken waits in the
    // daemon's mailbox, where it is counted.
    let events = unfold((Writer::new(state, visitor, rooms), wakes), async |(mut writer, mut wakes)| {
        let event = writer.next(&mut wakes).await?;
        Some((Ok::<_, Infallible>(event), (writer, wakes)))
    });
    let headers = [(CACHE_CONTROL, "no-cache"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, Sse::new(events)).into_response())
}

fn topics_of(rooms: &[Room], visitor: &Visitor) -> Vec<Topic> {
    let mut all = vec![Topic::House];
    for room in rooms {
        match room {
            Room::Desk | Room::Tickets | Room::Ticket => all.extend(topics(visitor)),
            Room::Owed | Room::Obligation => {
                all.push(Topic::Person(visitor.person.id));
                // What nobody owns is no handler's.
                all.extend((visitor.person.role != Role::Handler).then_some(Topic::Unowned));
                all.extend(visitor.directory.stands_in_for(visitor.person.id).map(Topic::Person));
                all.extend(Watch::allows(visitor.person.role).then_some(Topic::Board));
            }
            Room::Live => all.extend([Topic::Board, Topic::Person(visitor.person.id)]),
            Room::Approvals => all.push(Topic::Person(visitor.person.id)),
            Room::Links => all.extend([Topic::Board, Topic::Events]),
            Room::Customers | Room::Customer | Room::Import | Room::Blacklist => {}
            Room::People
            | Room::Policy
            | Room::Reports
            | Room::Departments
            | Room::Away
            | Room::Audit
            | Room::Message
            | Room::Failed => {}
        }
    }
    all.sort();
    all.dedup();
    all
}

/// The stream is over.
struct Over;

/// One browser's stream.
struct Writer {
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

/// What may wake a stream.
enum Wake {
    Notice(Option<Notice>),
    SignedOut(Result<SessionHash, broadcast::error::RecvError>),
    Ping,
    AtRisk,
    Diary,
    Stop,
}

/// Whatever wakes one stream.
struct Wakes {
    /// What stood when it began, until it is told.
    standing: Option<Vec<Notice>>,
    subscription: Subscription,
    signed_out: broadcast::Receiver<SessionHash>,
    stop: CancellationToken,
    ping: Interval,
    at_risk: Interval,
}

impl Wakes {
    fn new(
        mut subscription: Subscription,
        signed_out: broadcast::Receiver<SessionHash>,
        stop: CancellationToken,
    ) -> Wakes {
        let standing = Some(subscription.standing().collect());
        Wakes { standing, subscription, signed_out, stop, ping: interval(PING), at_risk: interval(AT_RISK) }
    }

    async fn next(&mut self, diary_at: Option<Instant>, watches: bool) -> Wake {
        tokio::select! {
            () = self.stop.cancelled() => Wake::Stop,
            session = self.signed_out.recv() => Wake::SignedOut(session),
            notice = self.subscription.next() => Wake::Notice(notice),
            () = sleep_until(diary_at.unwrap_or_else(Instant::now)), if diary_at.is_some() => Wake::Diary,
            _ = self.ping.tick() => Wake::Ping,
            _ = self.at_risk.tick(), if watches => Wake::AtRisk,
        }
    }
}

impl Writer {
    fn new(state: State, visitor: Visitor, rooms: Vec<Room>) -> Writer {
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
    async fn next(&mut self, wakes: &mut Wakes) -> Option<Event> {
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
            Notice::Told(told) => self.told(&told).await,
            Notice::Beside { person, obligation, claim } => self.beside(person, obligation, claim).await,
            Notice::NotDone(not_done) => {
                let data = json!({ "text": words(&self.visitor.pen, &not_done) });
                self.send(Event::default().event("not-done").data(data.to_string()));
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

    /// One rung in words, many as their count; either leads to what it is about.
    async fn told(&mut self, message: &Message) -> Result<(), Over> {
        // A deputy hears of what others owe, not what they are told.
        if message.person != self.visitor.person.id {
            return Ok(());
        }
        let mut href = format!("/messages/{}", message.id);
        let text = match message.tellings.as_slice() {
            [only] if message.count == 1 => {
                let Ok(Some(of)) = self.state.reader.told_of(only.about).await else { return Ok(()) };
                if sees(&self.visitor, &of) {
                    href = match &of {
                        ToldOf::Owed(row) => format!("/tickets/{}", row.ticket_number),
                        ToldOf::Matter(row) => format!("/tickets/{}", row.ticket.number),
                    };
                }
                told_in_words(&self.visitor, only, &of)
            }
            _ => self.visitor.pen.say1("told-many", "count", message.count),
        };
        let late = message.tellings.iter().any(|telling| telling.news != News::Reminder);
        let data = json!({ "id": message.id.0, "text": text, "late": late, "href": href });
        self.send(Event::default().event("told").data(data.to_string()));
        Ok(())
    }

    /// This reader calls somebody whom another works on: whose it is.
    async fn beside(&mut self, person: PersonId, obligation: ObligationId, claim: Claim) -> Result<(), Over> {
        if person != self.visitor.person.id {
            return Ok(());
        }
        let Ok(Some(row)) = self.state.reader.obligation(obligation).await else { return Ok(()) };
        let pen = &self.visitor.pen;
        let holder = self.visitor.directory.person(claim.by);
        let clock = pen.word("clock", row.kind.as_str());
        let who = holder.map_or_else(|| pen.say("somebody"), |holder| holder.name.clone());
        let text =
            pen.language.say("call-beside", &[("clock", &clock), ("who", &who), ("until", &pen.hm(&claim.until))]);
        let data = json!({ "text": text, "href": format!("/owed/{obligation}") });
        self.send(Event::default().event("beside").data(data.to_string()));
        Ok(())
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

/// What was asked, and why it was not done.
fn words(pen: &Pen, not_done: &NotDone) -> String {
    let why = match &not_done.why {
        WhyNot::Refused(refusal) => pen.word("error", refusal_code(refusal)),
        WhyNot::LinkDown => pen.word("error", "link_down"),
        WhyNot::Busy => pen.say("not-done-busy"),
        WhyNot::ByPbx(said) => pen.say1("not-done-by-pbx", "said", said),
        WhyNot::Unknown => pen.say("not-done-unknown"),
        WhyNot::NotPickedUp => pen.say("not-done-not-picked-up"),
    };
    pen.say2("not-done", "what", pen.word("ask", not_done.ask.as_str()), "why", why)
}
