//! Customers who are asked how they were served: by the PBX's keys, or by an agent.

use protocol::event::{Key, SurveyStage};

use super::super::command::Step;
use super::super::policy::Policy;
use super::super::survey::{Scale, Unanswered};
use super::super::ticket::Satisfaction;
use super::*;
use crate::calls::call::Segment;
use crate::calls::survey::Survey;
use crate::store::read::{Surveyed, TimelineRow};
use crate::{PersonId, TicketId};

struct Site {
    house: House,
    ann: PersonId,
    ben: PersonId,
    boss: PersonId,
}

fn asked(call: &Call, stage: SurveyStage, seconds: f64) -> Call {
    let told = Survey::of(stage, t(seconds));
    Call { survey: Some(call.survey.map_or(told, |known| known.with(told))), ..call.clone() }
}

fn answered(digit: u8) -> SurveyStage {
    SurveyStage::Answered(Key::new(digit).unwrap())
}

/// Talked with `agent` from then to then.
fn served(call: &Call, agent: &str, from: f64, to: f64) -> Call {
    let mut call = talking(call, agent, t(from));
    call.segments.last_mut().into_iter().for_each(|talk: &mut Segment| {
        talk.to = Some(t(to));
        talk.queue = Some("support".into());
    });
    call
}

impl Site {
    fn new() -> Site {
        Site::under(policy())
    }

    fn under(policy: Policy) -> Site {
        let mut house = House::under(policy, t(-1.0));
        let ann = house.person("ann", Role::Agent, Some("1001"));
        let ben = house.person("ben", Role::Agent, Some("1002"));
        let boss = house.person("boss", Role::Supervisor, None);
        Site { house, ann, ben, boss }
    }

    /// Served from 0 to 60 s, and asked.
    fn call(&mut self) -> Call {
        let call = served(&inbound("a", MOBILE, t(0.0)), "1001", 0.0, 60.0);
        self.house.sees(t(60.0), &call);
        let call = asked(&call, SurveyStage::Offered, 61.0);
        self.house.sees(t(61.0), &call);
        call
    }

    /// The caller presses a key, and hangs up.
    fn presses(&mut self, call: &Call, digit: u8, seconds: f64) {
        let call = asked(call, answered(digit), seconds);
        self.house.sees(t(seconds), &call);
        self.house.sees(t(seconds + 1.0), &ended(&call, t(seconds + 1.0), Outcome::Answered));
    }

    fn save(&mut self, ticket: TicketId, kind: Kind, state: TicketState) {
        let version = self.house.page(ticket).row.ticket.version;
        let form = TicketForm {
            kind,
            category: "other".into(),
            priority: Priority::Normal,
            complexity: Complexity::Simple,
            channel: Channel::Phone,
            summary: String::new(),
            course: "It broke.".into(),
            demand: String::new(),
            object: Object::default(),
        };
        self.house.give(Some(self.ann), Command::SaveTicket { ticket, version, form, state }).unwrap();
    }

    fn counts(&self) -> Vec<Surveyed> {
        self.house.ask(self.house.reader.surveys(t(-1000.0), t(1e7))).unwrap()
    }

    /// Offered, heard, answered; satisfied, fairly, dissatisfied; of whom.
    fn count(&self) -> ([i64; 6], Option<PersonId>) {
        let counts = self.counts();
        let [its] = &counts[..] else { panic!("{counts:?}") };
        ([its.offered, its.heard, its.answered, its.satisfied, its.fairly, its.dissatisfied], its.person)
    }

    fn boss_hears(&self) -> Vec<News> {
        let told = self.house.ask(self.house.reader.told(self.boss, crate::MessageId(0))).unwrap();
        told.iter().flat_map(|message| &message.tellings).map(|telling| telling.news).collect()
    }

    /// A complaint that was resolved and filed, and so is to be visited.
    fn filed(&mut self) -> TicketId {
        let call = served(&inbound("first", MOBILE, t(0.0)), "1001", 0.0, 60.0);
        self.house.sees(t(61.0), &ended(&call, t(61.0), Outcome::Answered));
        let ticket = self.house.ticket_of(&call).unwrap();
        self.save(ticket, Kind::Complaint, TicketState::InProgress);
        found(&mut self.house, self.ann, ticket);
        let told = Step::Told { how: Channel::Phone, words: "exchanged".into() };
        self.house.give(Some(self.ann), Command::Matter(ticket, told)).unwrap();
        let filed = Step::Filed { words: "exchanged".into() };
        self.house.give(Some(self.ann), Command::Matter(ticket, filed)).unwrap();
        ticket
    }

    fn owed(&self, ticket: TicketId, kind: ClockKind) -> Vec<ObligationState> {
        let rows = self.house.page(ticket).obligations;
        rows.into_iter().filter(|row| row.kind == kind).map(|row| row.state).collect()
    }
}

#[test]
fn each_answer_counts_once_and_for_who_served() {
    let mut site = Site::new();
    let call = site.call();
    assert_eq!(site.count(), ([1, 0, 0, 0, 0, 0], Some(site.ann)));
    site.house.sees(t(65.0), &asked(&call, SurveyStage::Heard, 65.0));
    assert_eq!(site.count(), ([1, 1, 0, 0, 0, 0], Some(site.ann)));
    site.presses(&asked(&call, SurveyStage::Heard, 65.0), 2, 66.0);
    // The same state comes again, as after a restart, and an older one.
    site.house.crash();
    site.house.sees(t(70.0), &ended(&asked(&call, answered(2), 66.0), t(67.0), Outcome::Answered));
    site.house.sees(t(71.0), &call);
    assert_eq!(site.count(), ([1, 1, 1, 0, 1, 0], Some(site.ann)));
    assert_eq!(site.counts()[0].queue, Some("support".into()));
    assert_eq!(site.house.sql("SELECT count(*) FROM facts WHERE kind = 'survey_by_keys'"), ["3"]);
    let page = site.house.page_of(&call);
    let said = |row: &TimelineRow| match &row.what {
        TimelineWhat::SurveyedByKeys { person, pressed, result, .. } => Some((*person, *pressed, *result)),
        _ => None,
    };
    let last = page.timeline.iter().rev().find_map(said);
    assert_eq!(last, Some((Some(site.ann), Some(2), Some(Satisfaction::Fairly))));
}

#[test]
fn a_transferred_callers_answer_is_about_the_last_agent() {
    let mut site = Site::new();
    let call = served(&inbound("a", MOBILE, t(0.0)), "1001", 0.0, 30.0);
    let call = served(&call, "1002", 35.0, 60.0);
    site.presses(&asked(&call, SurveyStage::Offered, 61.0), 1, 66.0);
    assert_eq!(site.count(), ([1, 1, 1, 1, 0, 0], Some(site.ben)));
    assert_eq!(site.house.page_of(&call).row.ticket.owner, Some(site.ann), "whose matter it is is another thing");
}

#[test]
fn who_is_dissatisfied_with_an_open_matter_is_told_of_once() {
    let mut site = Site::new();
    let call = site.call();
    site.presses(&call, 3, 66.0);
    site.house.crash();
    site.house.sees(t(70.0), &ended(&asked(&call, answered(3), 66.0), t(67.0), Outcome::Answered));
    site.house.settle();
    assert_eq!(site.boss_hears(), [News::Dissatisfied]);
    let page = site.house.page_of(&call);
    assert!(page.row.ticket.state.is_open());
    assert_eq!(site.owed(page.row.ticket.id, ClockKind::Resolution), [ObligationState::Open], "as it was");
}

#[test]
fn who_is_dissatisfied_with_a_matter_that_is_over_has_it_back() {
    for state in [TicketState::Resolved, TicketState::Closed] {
        let mut site = Site::new();
        let call = site.call();
        let ticket = site.house.ticket_of(&call).unwrap();
        site.save(ticket, Kind::Consultation, state);
        site.presses(&call, 3, 66.0);
        site.house.settle();
        assert_eq!(site.boss_hears(), [News::Reopened]);
        assert!(site.house.page(ticket).row.ticket.state.is_open());
        assert_eq!(site.owed(ticket, ClockKind::Resolution), [ObligationState::Open, ObligationState::Kept]);
        let began = "SELECT max(began_at_ms) FROM obligations WHERE kind = 'resolution'";
        assert_eq!(site.house.sql(began), [t(66.0).timestamp_millis().to_string()]);
    }
}

#[test]
fn a_proven_talk_and_a_key_are_a_return_visit() {
    for (talk_s, digit, visit, open) in [
        (20.0, 1, ObligationState::Kept, false),
        (20.0, 3, ObligationState::Kept, true),
        // Heard, but not proven to have been visited.
        (4.0, 2, ObligationState::Open, false),
        (4.0, 3, ObligationState::Dropped, true),
    ] {
        let mut site = Site::new();
        let ticket = site.filed();
        let call = served(&outbound("visit", MOBILE, "1002", t(100.0)), "1002", 105.0, 105.0 + talk_s);
        site.house.sees(t(105.0 + talk_s), &call);
        assert_eq!(site.owed(ticket, ClockKind::ReturnVisit), [ObligationState::Open], "nobody has asked yet");
        site.presses(&asked(&call, SurveyStage::Offered, 130.0), digit, 135.0);
        assert_eq!(site.owed(ticket, ClockKind::ReturnVisit), [visit], "{talk_s} s, {digit}");
        assert_eq!(site.house.page(ticket).row.ticket.state.is_open(), open, "{talk_s} s, {digit}");
        site.house.settle();
        assert_eq!(site.boss_hears().contains(&News::Reopened), open);
        let counts = site.counts();
        assert_eq!((counts.len(), counts[0].answered, counts[0].person), (1, 1, Some(site.ben)));
        assert_eq!(site.house.sql("SELECT ticket FROM surveyings"), [ticket.to_string()]);
        // The talk that was too short is made up for later.
        if visit == ObligationState::Open {
            let later = served(&outbound("later", MOBILE, "1002", t(300.0)), "1002", 305.0, 325.0);
            site.house.sees(t(326.0), &ended(&later, t(326.0), Outcome::Answered));
            assert_eq!(site.owed(ticket, ClockKind::ReturnVisit), [ObligationState::Kept]);
        }
    }
}

#[test]
fn keys_that_are_none_of_the_scales_are_no_answer_and_scores_are_summed() {
    let mut policy = policy();
    policy.terms.asking.scale = Scale::Scores;
    let mut site = Site::under(policy);
    for (nth, digit) in [5, 4, 3, 1, 9].into_iter().enumerate() {
        let from = 100.0 * nth as f64;
        let call = served(&inbound(&format!("c{nth}"), MOBILE, t(from)), "1001", from, from + 20.0);
        site.presses(&asked(&call, SurveyStage::Offered, from + 21.0), digit, from + 25.0);
    }
    let counts = site.counts();
    assert_eq!((counts[0].scored, counts[0].scores), (4, 13));
    assert_eq!(site.count(), ([5, 5, 4, 2, 1, 1], Some(site.ann)));
    assert_eq!(site.house.sql("SELECT pressed FROM surveyings WHERE result IS NULL"), ["9"]);
}

#[test]
fn an_agent_writes_down_a_score_or_that_there_is_none() {
    let mut site = Site::new();
    let ticket = site.filed();
    let give = |site: &mut Site, step| site.house.give(Some(site.ann), Command::Matter(ticket, step));
    give(&mut site, Step::Unanswered { why: Unanswered::NotAsked, words: "in a meeting".into() }).unwrap();
    assert_eq!(site.count().0, [1, 0, 0, 0, 0, 0]);
    give(&mut site, Step::Unanswered { why: Unanswered::Declined, words: String::new() }).unwrap();
    assert_eq!(site.count().0, [1, 1, 0, 0, 0, 0]);
    assert_eq!(site.owed(ticket, ClockKind::ReturnVisit), [ObligationState::Open], "no answer is no visit");
    let six = give(&mut site, Step::Scored { score: 6, words: String::new() });
    assert_eq!(six, Err(Refusal::Field { field: "score", why: FieldWhy::Unknown }));
    give(&mut site, Step::Scored { score: 4, words: "fine".into() }).unwrap();
    assert_eq!(site.count(), ([1, 1, 1, 1, 0, 0], Some(site.ann)));
    let visit = site.house.page(ticket).obligations.into_iter().find(|row| row.kind == ClockKind::ReturnVisit);
    assert_eq!(visit.and_then(|row| row.survey).and_then(|survey| survey.score), Some(4));
}

#[test]
fn two_calls_that_are_one_have_one_survey() {
    let mut site = Site::new();
    let call = site.call();
    site.house.sees(t(62.0), &inbound("b", OTHER, t(62.0)));
    site.house.input(Input::Merged { from: "a".into(), into: "b".into() });
    let whole = Call { id: "b".into(), ..call };
    site.presses(&whole, 1, 66.0);
    assert_eq!(site.count(), ([1, 1, 1, 1, 0, 0], Some(site.ann)));
}
