//! Who works on what is owed, how it ends without a talk, and what pages are told of it.

use super::*;
use crate::desk::clock::Claim;
use crate::desk::command::{Owed, Step};
use crate::live::{Notice, Topic};
use crate::store::read::{OwedFilter, Whose};
use crate::{ObligationId, PersonId};

const DAY: f64 = 86_400.0;

/// Two agents with phones, a supervisor, and a caller who gave up at 20 s.
struct Owing {
    house: House,
    ann: PersonId,
    ben: PersonId,
    boss: PersonId,
    id: ObligationId,
}

fn owing() -> Owing {
    let mut house = House::new();
    let ann = house.person("ann", Role::Agent, Some("1001"));
    let ben = house.person("ben", Role::Agent, Some("1002"));
    let boss = house.person("boss", Role::Supervisor, Some("1010"));
    missed(&mut house, "a", MOBILE, 0.0);
    let id = house.card(MOBILE).open_obligations[0].id;
    Owing { house, ann, ben, boss, id }
}

impl Owing {
    fn give(&mut self, by: PersonId, what: Owed) -> Result<Done, Refusal> {
        self.house.give(Some(by), Command::Owed(self.id, what))
    }

    fn dial(&mut self, by: PersonId) -> Result<(), Refusal> {
        let dial = Command::Dial { number: MOBILE.into(), obligation: Some(self.id), ticket: None };
        self.house.give(Some(by), dial).map(drop)
    }

    fn claim(&self) -> Option<Claim> {
        self.house.ask(self.house.reader.obligation(self.id)).unwrap().unwrap().claim
    }

    /// A call of ours that nobody picked up.
    fn in_vain(&mut self, id: &str, agent: &str, from: f64) {
        let out = outbound(id, MOBILE, agent, t(from));
        self.house.sees(t(from), &out);
        self.house.sees(t(from + 25.0), &ended(&out, t(from + 25.0), Outcome::NoAnswer));
    }
}

fn until(minutes: f64) -> Time {
    t(minutes * MINUTE)
}

#[test]
fn who_dials_has_it_and_another_is_told_who_and_until_when() {
    let mut owing = owing();
    let (ann, ben) = (owing.ann, owing.ben);
    owing.house.until(t(30.0));
    owing.dial(ann).unwrap();
    let claim = Claim { by: ann, until: t(30.0) + TimeDelta::minutes(15) };
    assert_eq!(owing.claim(), Some(claim));
    // Her call never came up, so that nobody is being called; it is hers all the same.
    owing.house.until(t(60.0));
    let held = Err(Refusal::ClaimedBy { by: ann, until: claim.until });
    assert_eq!(owing.dial(ben), held);
    assert_eq!(owing.give(ben, Owed::Claim).map(drop), held);
    assert_eq!(owing.give(ben, Owed::Release).map(drop), held);
    owing.dial(ann).unwrap();
    let later = t(60.0) + TimeDelta::minutes(15);
    assert_eq!(owing.claim(), Some(Claim { by: ann, until: later }), "her other tab goes on with it");
    assert_eq!(owing.house.errands.try_recv().map(|errand| errand.by), Ok(ann));
    assert_eq!(owing.house.errands.try_recv().map(|errand| errand.by), Ok(ann));
    assert!(owing.house.errands.try_recv().is_err(), "what was refused is asked of no PBX");

    owing.house.until(later - TimeDelta::milliseconds(1));
    assert_eq!(owing.dial(ben), Err(Refusal::ClaimedBy { by: ann, until: later }));
    owing.house.until(later);
    assert_eq!(owing.dial(ben), Ok(()), "it ran out by itself");
    assert_eq!(owing.claim().map(|claim| claim.by), Some(ben));
}

#[test]
fn what_was_taken_while_the_clock_was_years_ahead_holds_nobody_up() {
    let mut owing = owing();
    let (ann, ben) = (owing.ann, owing.ben);
    let now = owing.house.now;
    owing.house.now = now + TimeDelta::days(3652);
    owing.give(ann, Owed::Claim).unwrap();
    owing.house.now = now + TimeDelta::seconds(5);
    owing.give(ben, Owed::Claim).unwrap();
    assert_eq!(owing.claim().map(|claim| claim.by), Some(ben));
}

#[test]
fn whoever_has_it_lets_it_go_and_a_supervisor_takes_it_from_them() {
    let mut owing = owing();
    let (ann, ben, boss) = (owing.ann, owing.ben, owing.boss);
    owing.give(ann, Owed::Claim).unwrap();
    owing.give(ann, Owed::Release).unwrap();
    assert_eq!(owing.claim(), None);
    owing.give(ben, Owed::Claim).unwrap();
    assert!(matches!(owing.dial(boss), Err(Refusal::ClaimedBy { by, .. }) if by == ben), "not over somebody's head");
    owing.give(boss, Owed::Release).unwrap();
    owing.dial(boss).unwrap();
    assert_eq!(owing.claim().map(|claim| claim.by), Some(boss));
    let record = "SELECT kind || ' ' || by_person FROM facts WHERE kind LIKE 'claim%' ORDER BY seq";
    let lines =
        [("claimed", ann), ("claim_released", ann), ("claimed", ben), ("claim_released", boss), ("claimed", boss)];
    assert_eq!(owing.house.sql(record), lines.map(|(kind, by)| format!("{kind} {by}")));
}

#[test]
fn a_call_of_whoever_has_it_prolongs_the_claim_and_anothers_does_not() {
    let mut owing = owing();
    let ann = owing.ann;
    owing.house.until(until(5.0));
    owing.give(ann, Owed::Claim).unwrap();
    assert_eq!(owing.claim(), Some(Claim { by: ann, until: until(20.0) }));
    owing.in_vain("o", "1002", 10.0 * MINUTE);
    assert_eq!(owing.claim(), Some(Claim { by: ann, until: until(20.0) }));
    owing.in_vain("p", "1001", 15.0 * MINUTE);
    assert_eq!(owing.claim(), Some(Claim { by: ann, until: until(30.0) }), "from when she dialled");
    assert_eq!(owing.house.sql("SELECT count(*) FROM attempts"), ["2"], "whoever made it, it is one");
}

#[test]
fn an_agents_are_the_own_and_those_of_nobody() {
    let mut owing = owing();
    let (ann, ben, boss) = (owing.ann, owing.ben, owing.boss);
    let admin = owing.house.person("root", Role::Admin, None);
    let short = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(61.0));
    owing.house.sees(t(64.0), &ended(&short, t(64.0), Outcome::Answered));
    assert_eq!(owing.house.duties(ann)[0].owner, Some(ann));
    for what in [Owed::Claim, Owed::Release, Owed::Resume, Owed::Suspend { reason: "holiday".into() }] {
        assert_eq!(owing.give(ben, what.clone()), Err(Refusal::NoSuchObligation), "{what:?}");
        assert_eq!(owing.give(admin, what), Err(Refusal::NotAllowed));
    }
    assert_eq!(owing.dial(ben), Err(Refusal::NoSuchObligation));
    owing.give(boss, Owed::Claim).unwrap();
    assert!(matches!(owing.dial(ann), Err(Refusal::ClaimedBy { by, .. }) if by == boss));
}

#[test]
fn three_attempts_on_two_days_and_the_customer_is_unreachable() {
    let mut owing = owing();
    let ann = owing.ann;
    owing.in_vain("o", "1001", 60.0);
    owing.in_vain("p", "1002", 600.0);
    owing.in_vain("q", "1001", 1200.0);
    assert_eq!(states(&owing.house), ["open"], "three, but on one day");
    let unseen = Call { certain: false, ..outbound("r", MOBILE, "1001", t(DAY)) };
    owing.house.sees(t(DAY + 20.0), &ended(&unseen, t(DAY + 20.0), Outcome::NoAnswer));
    assert_eq!(states(&owing.house), ["open"], "what was not seen to its end counts for nothing");
    owing.house.until(t(DAY + 60.0));
    owing.give(ann, Owed::Claim).unwrap();
    owing.in_vain("s", "1001", DAY + 100.0);
    assert_eq!(states(&owing.house), ["unreachable"]);
    assert_eq!(owing.claim(), None, "nobody works on what is over");
    let page = owing.house.page_of(&inbound("a", MOBILE, t(0.0)));
    let ended: Vec<_> = page.timeline.iter().filter(|row| matches!(row.what, TimelineWhat::Ended { .. })).collect();
    assert!(matches!(&ended[0].what, TimelineWhat::Ended { state: ObligationState::Unreachable, .. }));
    assert_eq!((ended.len(), ended[0].by, ended[0].at), (1, None, t(DAY + 125.0)));
    let callback = page.obligations.iter().find(|row| row.id == owing.id).unwrap();
    assert_eq!(callback.attempts, 4);

    // Told again after a restart, and no rung fires any more.
    let again = super::ended(&outbound("s", MOBILE, "1001", t(DAY + 100.0)), t(DAY + 125.0), Outcome::NoAnswer);
    owing.house.crash();
    owing.house.sees(t(DAY + 130.0), &again);
    let rungs_so_far = rungs(&owing.house);
    owing.house.until(t(4.0 * DAY));
    assert_eq!(rungs(&owing.house), rungs_so_far);
    assert_eq!(owing.house.sql("SELECT count(*) FROM facts WHERE kind = 'obligation_ended'"), ["1"]);
    let over = Refusal::Over { state: ObligationState::Unreachable, at: t(DAY + 125.0), by: None };
    assert_eq!(owing.dial(ann), Err(over));
}

#[test]
fn a_proof_ends_the_claim_with_it() {
    let mut owing = owing();
    let ann = owing.ann;
    owing.house.until(t(30.0));
    owing.give(ann, Owed::Claim).unwrap();
    let talk = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(61.0));
    owing.house.sees(t(71.0), &talk);
    assert_eq!((states(&owing.house), owing.claim()), (vec!["kept".to_owned()], None));
    let over = Refusal::Over { state: ObligationState::Kept, at: t(71.0), by: None };
    assert_eq!(owing.give(ann, Owed::Claim), Err(over));
    // It has become hers; to another agent it is not there, over or not.
    assert_eq!(owing.give(owing.ben, Owed::Claim), Err(Refusal::NoSuchObligation));
}

#[test]
fn only_a_supervisor_lets_it_go_and_only_with_a_reason() {
    let mut owing = owing();
    let (ann, boss) = (owing.ann, owing.boss);
    let waive = |reason: &str| Owed::Waive { reason: reason.into() };
    assert_eq!(owing.give(ann, waive("wrong number")), Err(Refusal::NotAllowed));
    assert_eq!(owing.give(boss, waive(" ")), Err(Refusal::Field { field: "reason", why: FieldWhy::Missing }));
    owing.give(ann, Owed::Claim).unwrap();
    owing.give(boss, waive("wrong number")).unwrap();
    let row = owing.house.ask(owing.house.reader.obligation(owing.id)).unwrap().unwrap();
    let ended = row.ended.unwrap();
    assert_eq!((row.state, row.claim), (ObligationState::Waived, None));
    assert_eq!((ended.by, ended.why.as_str()), (Some(boss), "wrong number"));
    let over = Refusal::Over { state: ObligationState::Waived, at: ended.at, by: Some(boss) };
    assert_eq!(owing.give(boss, waive("again")), Err(over), "who did it, and when");
    owing.house.until(t(3.0 * DAY));
    assert_eq!(rungs(&owing.house), [""; 0]);
}

impl Owing {
    /// From somebody's own phone, in the states in which a PBX tells of it.
    fn keys(&mut self, id: &str, agent: &str, from: f64) -> Call {
        let leg = Call { number: None, ..call(id, Direction::Internal, None, t(from)) };
        self.house.sees(t(from), &leg);
        let out = outbound(id, MOBILE, agent, t(from));
        self.house.sees(t(from + 1.0), &out);
        out
    }

    /// Who was told that they call beside whom.
    fn beside(&mut self) -> Vec<(PersonId, PersonId)> {
        let told = std::iter::from_fn(|| self.house.told.try_recv().ok());
        let beside = told.filter_map(|(topic, notice)| match notice {
            Notice::Beside { person, claim, .. } => {
                assert_eq!(topic, Topic::Person(person));
                Some((person, claim.by))
            }
            _ => None,
        });
        beside.collect()
    }
}

#[test]
fn who_dials_with_the_phones_own_keys_has_it_and_who_comes_second_is_told_whose_it_is() {
    let mut owing = owing();
    let (ann, ben) = (owing.ann, owing.ben);
    let hers = owing.keys("o", "1001", 60.0);
    let claim = Claim { by: ann, until: t(61.0) + TimeDelta::minutes(15) };
    assert_eq!(owing.claim(), Some(claim));
    assert_eq!(owing.dial(ben), Err(Refusal::ClaimedBy { by: ann, until: claim.until }), "as by the button");
    assert_eq!(owing.beside(), []);
    let his = owing.keys("p", "1002", 70.0);
    assert_eq!((owing.claim(), owing.beside()), (Some(claim), vec![(ben, ann)]), "the PBX let him call all the same");
    owing.house.sees(t(72.0), &his);
    owing.house.crash();
    owing.house.sees(t(73.0), &his);
    assert_eq!(owing.beside(), [], "once a call");
    let lines = owing.house.sql("SELECT by_person || ' ' || person FROM facts WHERE kind = 'called_beside'");
    assert_eq!(lines, [format!("{ben} {ann}")]);
    let page = owing.house.page_of(&his);
    let shown = page.timeline.iter().find(|row| matches!(row.what, TimelineWhat::CalledBeside { .. })).unwrap();
    assert_eq!(shown.by, Some(ben));
    // Whoever reaches the customer keeps it.
    owing.house.sees(t(80.0), &ended(&hers, t(80.0), Outcome::NoAnswer));
    owing.house.sees(t(95.0), &talking(&his, "1002", t(81.0)));
    assert_eq!(states(&owing.house), ["kept"]);
}

#[test]
fn a_claim_that_was_given_back_is_not_taken_again_by_the_same_call() {
    let mut owing = owing();
    let (ann, ben, boss) = (owing.ann, owing.ben, owing.boss);
    let hers = owing.keys("o", "1001", 60.0);
    owing.give(boss, Owed::Release).unwrap();
    owing.give(ben, Owed::Claim).unwrap();
    owing.house.sees(t(65.0), &talking(&hers, "1001", t(64.0)));
    assert_eq!(owing.claim().map(|claim| claim.by), Some(ben));
    assert_eq!(owing.beside(), [], "he came second, by the button, and knew");
    owing.house.sees(t(66.0), &ended(&talking(&hers, "1001", t(64.0)), t(66.0), Outcome::Answered));
    // It is hers now, since she talked about it first: nobody else's phone takes it.
    assert_eq!(owing.house.duties(ann)[0].owner, Some(ann));
    owing.give(boss, Owed::Release).unwrap();
    owing.keys("p", "1002", 70.0);
    assert_eq!(owing.claim(), None);
}

/// A matter whose solution is owed within two hours from the beginning, and may be paused.
fn solving() -> Owing {
    let mut owing = owing();
    let open = owing.house.card(MOBILE).open_obligations;
    owing.id = open.iter().find(|row| row.kind == ClockKind::Resolution).unwrap().id;
    owing
}

impl Owing {
    fn due(&self) -> Option<Time> {
        self.house.ask(self.house.reader.obligation(self.id)).unwrap().unwrap().due_at
    }

    fn pause(&mut self) -> Result<Done, Refusal> {
        self.give(self.ann, Owed::Suspend { reason: "waits for a photo".into() })
    }

    fn resume(&mut self) -> Result<Done, Refusal> {
        self.give(self.ann, Owed::Resume)
    }

    /// Planned minute of each rung that fired of it.
    fn fired(&self) -> Vec<i64> {
        let row = self.house.ask(self.house.reader.obligation(self.id)).unwrap().unwrap();
        row.fired.iter().map(|fired| (fired.planned_at - t(0.0)).num_minutes()).collect()
    }
}

#[test]
fn while_it_is_paused_nothing_fires_and_the_rest_moves_by_the_pause() {
    let mut owing = solving();
    owing.house.until(until(60.0));
    owing.pause().unwrap();
    assert_eq!(owing.due(), None);
    assert_eq!(owing.pause(), Err(Refusal::Suspended));
    owing.house.until(until(600.0));
    assert_eq!(owing.fired(), [0; 0]);
    owing.house.crash();
    owing.resume().unwrap();
    assert_eq!(owing.resume(), Err(Refusal::NotSuspended));
    assert_eq!(owing.due(), Some(until(660.0)));
    owing.house.until(until(3000.0));
    // 96 and 120 minutes of its own, and a day.
    assert_eq!(owing.fired(), [636, 660, 660 + 24 * 60]);
    assert_eq!(
        owing
            .house
            .sql("SELECT sum(late) FROM rungs r JOIN obligations o ON o.id = r.obligation AND o.kind = 'resolution'"),
        ["0"]
    );
}

#[test]
fn pauses_of_one_millisecond_are_as_many_as_were_made() {
    let mut owing = solving();
    owing.house.until(until(60.0));
    for _ in 0..3 {
        owing.pause().unwrap();
        owing.resume().unwrap();
    }
    owing.pause().unwrap();
    assert_eq!(owing.due(), None);
    owing.house.crash();
    owing.house.until(until(70.0));
    owing.resume().unwrap();
    assert_eq!(owing.due(), Some(until(130.0)), "the others had no length");
    let page = owing.house.ask(owing.house.reader.owed_page(owing.id)).unwrap().unwrap();
    let minutes: Vec<_> = page.pauses.iter().map(|pause| (pause.to.unwrap() - pause.from).num_minutes()).collect();
    assert_eq!(minutes, [0, 0, 0, 10]);
    // The clock is set back to the very moment of the first.
    owing.house.now = until(60.0);
    owing.pause().unwrap();
    owing.resume().unwrap();
    assert_eq!(owing.due(), Some(until(130.0)));
}

#[test]
fn what_somebody_owes_who_is_away_is_in_their_deputys_list_and_goes_back() {
    let mut owing = owing();
    let (ann, ben) = (owing.ann, owing.ben);
    let short = talking(&outbound("o", MOBILE, "1001", t(60.0)), "1001", t(61.0));
    owing.house.sees(t(64.0), &ended(&short, t(64.0), Outcome::Answered));
    missed(&mut owing.house, "b", OTHER, 100.0);
    let filter = |limit| OwedFilter {
        owner: Whose::OfOrNobodys(ben),
        kind: Some(ClockKind::MissedCall),
        state: Some(ObligationState::Open),
        at_risk: None,
        limit,
    };
    let numbers = |house: &House| -> Vec<String> {
        let listed = house.ask(house.reader.owed(filter(10))).unwrap();
        let paged = house.ask(house.reader.owed_after(filter(10), ObligationId(0))).unwrap();
        assert_eq!(listed.len(), paged.len());
        listed.into_iter().map(|row| row.number.unwrap().as_str().to_owned()).collect()
    };
    assert_eq!(numbers(&owing.house), [OTHER]);
    owing.house.give(Some(ann), Command::SetAway { person: ann, away: true, deputy: Some(ben) }).unwrap();
    assert_eq!(numbers(&owing.house), [MOBILE, OTHER], "by due time");
    let first = owing.house.ask(owing.house.reader.owed(filter(1))).unwrap();
    assert_eq!((first.len(), first[0].owner), (1, Some(ann)));
    owing.give(ben, Owed::Claim).unwrap();
    owing.give(ben, Owed::Release).unwrap();
    let ticket = first[0].ticket;
    let promise = |at: f64| Command::Matter(ticket, Step::Promise { at: t(at) });
    owing.house.give(Some(ben), promise(9000.0)).unwrap();
    owing.house.give(Some(ann), Command::SetAway { person: ann, away: false, deputy: Some(ben) }).unwrap();
    assert_eq!(numbers(&owing.house), [OTHER]);
    assert_eq!(owing.give(ben, Owed::Claim), Err(Refusal::NoSuchObligation));
    assert_eq!(owing.house.give(Some(ben), promise(9500.0)), Err(Refusal::NoSuchTicket));
}
