//! What people may ask of a PBX, and what is kept of it.

use protocol::request::{NotDialable, Spying};

use super::*;
use crate::calls::call::{Offer, OfferOutcome};
use crate::desk::asking::Ask;
use crate::engine::Errand;
use crate::{ObligationId, PersonId};

#[test]
fn what_is_dialled_is_a_number_from_the_givers_own_phone_once() {
    let mut house = House::new();
    let (ann, ben) = (house.person("ann", Role::Agent, Some("1001")), house.person("ben", Role::Agent, None));
    let dial = |number: &str| Command::Dial { number: number.into(), obligation: None, ticket: None };
    let Ok(Done::Dialling { leg }) = house.give(Some(ann), dial("138 0013-8000")) else { panic!() };
    let Errand { by, pbx, ask } = house.errands.try_recv().unwrap();
    assert_eq!((by, pbx), (ann, "hq".into()));
    assert!(matches!(ask, Ask::Dial { leg: sent, agent, .. } if sent == leg && agent == "1001".into()));
    assert_eq!(house.give(Some(ben), dial("13800138000")), Err(Refusal::NoExtension));
    for (typed, bad) in [("138;0", ';'), ("1\r\nAction: x", '\r'), ("1&2", '&'), ("${X}", '$'), ("1@2", '@')] {
        let refused = house.give(Some(ann), dial(typed));
        assert_eq!(refused, Err(Refusal::NotDialable(NotDialable::Character(bad))), "{typed:?}");
    }
    house.crash();
    house.until(t(3600.0));
    assert!(house.errands.try_recv().is_err(), "never sent again");
}

/// Everybody who takes part: agents at 1001 and 1002, a supervisor at 1010 and one without a phone.
struct Team {
    house: House,
    ann: PersonId,
    ben: PersonId,
    boss: PersonId,
    chief: PersonId,
}

fn team() -> Team {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, Some("1001"));
    let ben = house.person("ben", Role::Agent, Some("1002"));
    let boss = house.person("boss", Role::Supervisor, Some("1010"));
    let chief = house.person("chief", Role::Supervisor, None);
    Team { house, ann, ben, boss, chief }
}

impl Team {
    /// A caller talks with an agent.
    fn talking(&mut self, id: &str, agent: &str) -> Call {
        let call = talking(&inbound(id, MOBILE, t(0.0)), agent, t(5.0));
        self.house.sees(t(6.0), &call);
        call
    }

    fn ringing(&mut self, id: &str, agent: &str) -> Call {
        let mut call = inbound(id, OTHER, t(0.0));
        let outcome = None::<OfferOutcome>;
        call.offers = vec![Offer { agent: agent.into(), queue: None, from: t(1.0), to: None, outcome }];
        self.house.sees(t(2.0), &call);
        call
    }

    fn asked(&mut self) -> Option<Ask> {
        self.house.errands.try_recv().ok().map(|errand| errand.ask)
    }

    fn hang_up(&mut self, by: PersonId, call: &str) -> Result<Done, Refusal> {
        self.house.give(Some(by), Command::HangUp { call: call.into() })
    }

    fn spy(&mut self, by: PersonId, call: &str) -> Result<Done, Refusal> {
        self.house.give(Some(by), Command::Spy { call: call.into(), how: Spying::Listen })
    }

    fn pause(&mut self, by: PersonId, whose: Option<&str>, reason: &str) -> Result<Done, Refusal> {
        let phone = whose.map(|extension| ("hq".into(), extension.into()));
        self.house.give(Some(by), Command::Pause { phone, queue: None, reason: reason.into() })
    }
}

#[test]
fn one_attempt_a_callback_and_whoever_comes_second_hears_who_is_calling() {
    let Team { mut house, ann, ben, .. } = team();
    missed(&mut house, "a", MOBILE, 0.0);
    let obligation = Some(house.card(MOBILE).open_obligations[0].id);
    let dial = || Command::Dial { number: MOBILE.into(), obligation, ticket: None };
    let Ok(Done::Dialling { leg }) = house.give(Some(ann), dial()) else { panic!("refused") };
    assert_eq!(house.give(Some(ben), dial()), Err(Refusal::BeingCalled { by: ann }));
    assert_eq!(house.give(Some(ann), dial()), Err(Refusal::BeingCalled { by: ann }), "her other tab");
    assert_eq!(house.errands.try_recv().map(|errand| errand.by), Ok(ann));
    assert!(house.errands.try_recv().is_err(), "asked once");

    // It came up, and is not over: however long it lasts.
    let mut call = call("hq-b-1", Direction::Outbound, Some(MOBILE), t(20.0));
    call.originated = Some(leg);
    house.sees(t(21.0), &call);
    house.until(t(300.0));
    assert_eq!(house.give(Some(ben), dial()), Err(Refusal::BeingCalled { by: ann }));
    house.sees(t(301.0), &ended(&call, t(301.0), Outcome::NoAnswer));
    assert!(matches!(house.give(Some(ann), dial()), Ok(Done::Dialling { .. })), "it was in vain");
}

#[test]
fn an_attempt_that_never_came_up_holds_nobody_up() {
    let Team { mut house, ann, .. } = team();
    missed(&mut house, "a", MOBILE, 0.0);
    let obligation = Some(house.card(MOBILE).open_obligations[0].id);
    let dial = || Command::Dial { number: MOBILE.into(), obligation, ticket: None };
    house.give(Some(ann), dial()).unwrap();
    // Killed after the commit and before the PBX was asked: nothing will ever be heard of it.
    house.crash();
    house.input(Input::Outage { pbx: "hq".into(), from: t(20.0), to: Some(t(21.0)), why: String::new() });
    house.until(t(34.0));
    assert_eq!(house.give(Some(ann), dial()), Err(Refusal::BeingCalled { by: ann }));
    house.until(t(36.0));
    assert!(house.errands.try_recv().is_err(), "what was asked is never sent again");
    let Ok(Done::Dialling { leg }) = house.give(Some(ann), dial()) else { panic!("refused") };
    let sent = house.errands.try_recv().unwrap().ask;
    assert!(matches!(sent, Ask::Dial { leg: sent, .. } if sent == leg));
    assert!(house.errands.try_recv().is_err());
}

#[test]
fn of_a_pbx_that_is_out_of_sight_nothing_is_asked() {
    let mut team = team();
    let (ann, boss) = (team.ann, team.boss);
    team.talking("a", "1001");
    team.house.input(Input::Outage { pbx: "hq".into(), from: t(10.0), to: None, why: "cut".into() });
    let dial = Command::Dial { number: "13800138000".into(), obligation: None::<ObligationId>, ticket: None };
    assert_eq!(team.house.give(Some(ann), dial), Err(Refusal::LinkDown));
    assert_eq!(team.hang_up(ann, "a"), Err(Refusal::LinkDown));
    assert_eq!(team.spy(boss, "a"), Err(Refusal::LinkDown));
    assert_eq!(team.pause(ann, None, "meal"), Err(Refusal::LinkDown));
    assert_eq!(team.asked(), None);
    team.house.input(Input::Outage { pbx: "hq".into(), from: t(10.0), to: Some(t(12.0)), why: "cut".into() });
    assert_eq!(team.pause(ann, None, "meal"), Ok(Done::Nothing));
}

#[test]
fn an_agent_ends_the_own_call_and_a_supervisor_any() {
    let mut team = team();
    let (ann, ben, boss) = (team.ann, team.ben, team.boss);
    team.talking("a", "1001");
    team.ringing("b", "1001");
    let admin = team.house.person("root", Role::Admin, None);
    assert_eq!(team.hang_up(ben, "a"), Err(Refusal::NoSuchCall), "another's is not there");
    assert_eq!(team.hang_up(ann, "b"), Err(Refusal::NoSuchCall), "what only rings is the queue's");
    assert_eq!(team.hang_up(admin, "a"), Err(Refusal::NotAllowed));
    assert_eq!(team.asked(), None);
    assert_eq!(team.hang_up(ann, "a"), Ok(Done::Nothing));
    assert_eq!(team.asked(), Some(Ask::HangUp { call: "a".into() }));
    assert_eq!(team.hang_up(boss, "b"), Ok(Done::Nothing));
    let mut own = call("c", Direction::Outbound, Some(OTHER), t(7.0));
    own.agent = Some("1002".into());
    team.house.sees(t(8.0), &own);
    assert_eq!(team.hang_up(ben, "c"), Ok(Done::Nothing), "while it rings");
    team.house.sees(t(9.0), &ended(&own, t(9.0), Outcome::NoAnswer));
    assert_eq!(team.hang_up(ben, "c"), Err(Refusal::NoSuchCall), "it is over");
    assert_eq!(team.house.sql("SELECT by_person FROM facts WHERE kind = 'hang_up_asked'").len(), 3);
}

#[test]
fn a_break_is_ones_own_with_a_reason_of_the_policys() {
    let mut team = team();
    let (ann, boss, chief) = (team.ann, team.boss, team.chief);
    let admin = team.house.person("root", Role::Admin, None);
    let field = |field, why| Err(Refusal::Field { field, why });
    assert_eq!(team.pause(ann, None, ""), field("reason", FieldWhy::Missing));
    assert_eq!(team.pause(ann, None, "nap\r\nAction: Logoff"), field("reason", FieldWhy::Unknown));
    assert_eq!(team.pause(ann, Some("1002"), "meal"), Err(Refusal::NotAllowed));
    assert_eq!(team.pause(chief, None, "meal"), Err(Refusal::NoExtension));
    assert_eq!(team.pause(admin, Some("1001"), "meal"), Err(Refusal::NotAllowed));
    assert_eq!(team.pause(boss, Some("1001\n"), "meal"), field("extension", FieldWhy::Unknown));
    let queue = Some("support\r\nPaused: true".into());
    let hostile = Command::Unpause { phone: None, queue };
    assert_eq!(team.house.give(Some(ann), hostile), field("queue", FieldWhy::Unknown));
    assert_eq!(team.asked(), None);

    let break_of = |agent: &str, queue: Option<&str>, reason: Option<&str>| Ask::Pause {
        agent: agent.into(),
        queue: queue.map(Into::into),
        reason: reason.map(Into::into),
    };
    assert_eq!(team.pause(ann, None, "meal"), Ok(Done::Nothing));
    assert_eq!(team.asked(), Some(break_of("1001", None, Some("meal"))));
    assert_eq!(team.pause(ann, Some("1001"), "break"), Ok(Done::Nothing));
    assert_eq!(team.asked(), Some(break_of("1001", None, Some("break"))));
    assert_eq!(team.pause(boss, Some("1002"), "training"), Ok(Done::Nothing));
    assert_eq!(team.asked(), Some(break_of("1002", None, Some("training"))));
    let back = Command::Unpause { phone: Some(("hq".into(), "1002".into())), queue: Some("support".into()) };
    assert_eq!(team.house.give(Some(ann), back.clone()), Err(Refusal::NotAllowed));
    assert_eq!(team.house.give(Some(boss), back), Ok(Done::Nothing));
    assert_eq!(team.asked(), Some(break_of("1002", Some("support"), None)));
    let done =
        "SELECT kind || ' ' || by_person || ' ' || person FROM facts WHERE kind LIKE '%pause_asked' ORDER BY seq";
    let ben = team.ben;
    let told = [
        format!("pause_asked {ann} {ann}"),
        format!("pause_asked {ann} {ann}"),
        format!("pause_asked {boss} {ben}"),
        format!("unpause_asked {boss} {ben}"),
    ];
    assert_eq!(team.house.sql(done), told, "who did what to whom");
}

#[test]
fn a_supervisor_with_a_free_phone_listens_in_on_others_talks_and_it_is_on_record() {
    let mut team = team();
    let (ann, ben, boss, chief) = (team.ann, team.ben, team.boss, team.chief);
    let admin = team.house.person("root", Role::Admin, Some("1020"));
    let call = team.talking("a", "1001");
    team.ringing("b", "1002");
    for nobody in [ann, ben, admin] {
        assert_eq!(team.spy(nobody, "a"), Err(Refusal::NotAllowed));
    }
    assert_eq!(team.spy(boss, "x"), Err(Refusal::NoSuchCall));
    assert_eq!(team.spy(boss, "b"), Err(Refusal::NotTalking));
    assert_eq!(team.spy(chief, "a"), Err(Refusal::NoExtension));
    let own = team.talking("c", "1010");
    assert_eq!(team.spy(boss, "c"), Err(Refusal::OwnCall));
    assert_eq!(team.spy(boss, "a"), Err(Refusal::OnThePhone));
    team.house.sees(t(7.0), &ended(&own, t(7.0), Outcome::Answered));
    let rings = team.ringing("d", "1010");
    assert_eq!(team.spy(boss, "a"), Err(Refusal::OnThePhone));
    team.house.sees(t(8.0), &ended(&rings, t(8.0), Outcome::Abandoned));
    assert_eq!(team.asked(), None);

    let Ok(Done::Dialling { leg }) = team.spy(boss, "a") else { panic!("refused") };
    assert!(leg.as_str().starts_with("ringback-spy-"), "{leg}");
    let (spy, call_id, agent) = ("1010".into(), call.id.clone(), "1001".into());
    let expected = Ask::Spy { spy, call: call_id, agent, how: Spying::Listen, leg: leg.clone() };
    assert_eq!(team.asked(), Some(expected));
    let heard = |house: &House| {
        let timeline = house.page_of(&call).timeline;
        timeline.into_iter().find_map(|row| match row.what {
            TimelineWhat::Spied { agent, person, how, heard_ms } => Some((row.by, agent, person, how, heard_ms)),
            _ => None,
        })
    };
    let row = |heard_ms| Some((Some(boss), "1001".into(), Some(ann), Spying::Listen, heard_ms));
    assert_eq!(heard(&team.house), row(None));
    team.house.input(Input::Listened { leg: leg.clone(), from: Some(t(10.0)), to: None });
    team.house.input(Input::Listened { leg, from: Some(t(10.0)), to: Some(t(52.0)) });
    assert_eq!(heard(&team.house), row(Some(42_000)));
}
