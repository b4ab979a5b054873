use super::super::codec::tests::recordings;
use super::super::sight::GONE_AFTER;
use super::asking::{LIST_AGAIN_AFTER, LOOK_AT_MOST_EVERY};
use super::*;
use crate::event::{Duty, LegState};
use crate::request::Dialable;

const CORE: &str = "58619c2d-b441-4bfa-a875-3aec7135c6c0";
const NO_ROWS: &str = "{\"row_count\":0}\n";

/// A conversation, and a FreeSWITCH that answers it by what it is told to know.
struct Driven {
    conversation: Conversation,
    at: Instant,
    /// All commands since they were last looked at.
    sent: Vec<String>,
    heard: Vec<Heard>,
    /// What it answers, by the command's beginning; commands of which it knows nothing wait for
    /// [`Driven::says`].
    answers: Vec<(&'static str, String)>,
    core: &'static str,
}

impl Driven {
    fn new(boot: Option<&str>) -> Self {
        let at = Instant::now();
        let credentials = Credentials { username: None, secret: "ClueCon".into() };
        let dialling = Dialling { channel: "user/{agent}".into(), context: "default".into(), caller_id: None };
        let conversation = Conversation::new(credentials, dialling, 7, boot.map(BootId::from), at);
        let mut driven =
            Driven { conversation, at, sent: Vec::new(), heard: Vec::new(), answers: Vec::new(), core: CORE };
        driven.answers("auth ", "+OK accepted");
        driven.answers("event ", "+OK event listener enabled json");
        driven.answers("api strmicroepoch", "1795295658500000");
        driven.answers("bgapi version", "+OK Job-UUID: x");
        for list in ["queue list", "agent list", "tier list", "member list"] {
            driven.table(list, "");
        }
        driven.answers("api show channels", NO_ROWS);
        driven
    }

    fn live() -> Self {
        Driven::new(None).go_live()
    }

    fn go_live(mut self) -> Self {
        self.says(b"Content-Type: auth/request\n\n");
        self.version();
        assert!(self.heard.contains(&Heard::Live), "{:?}", self.heard);
        self.heard.clear();
        self.sent.clear();
        self
    }

    /// The version that was asked for first, with the run's name.
    fn version(&mut self) {
        let id = "00000000-0000-0007-8000-000000000001";
        self.event(&format!(
            r#""Event-Name":"BACKGROUND_JOB","Job-UUID":"{id}","_body":"FreeSWITCH Version 1.10.12-release~64bit (-release 64bit)\n""#
        ));
    }

    fn answers(&mut self, command: &'static str, answer: &str) {
        self.answers.retain(|(known, _)| *known != command);
        self.answers.push((command, answer.to_owned()));
    }

    fn unanswered(&mut self, command: &'static str) {
        self.answers.retain(|(known, _)| *known != command);
    }

    /// What the JSON API says of a table of mod_callcenter.
    fn table(&mut self, list: &'static str, rows: &str) {
        let command = match list {
            "queue list" => List::Queues,
            "agent list" => List::Agents,
            "tier list" => List::Tiers,
            _ => List::Callers,
        };
        let answer = format!(r#"{{"command":"callcenter_config","status":"success","response":[{rows}]}}"#);
        self.answers(command.command(), &(answer + "\n"));
    }

    fn channels(&mut self, ids: &[&str]) {
        let rows: Vec<String> = ids.iter().map(|id| channel(id)).collect();
        self.answers("api show channels", &format!(r#"{{"row_count":{},"rows":[{}]}}"#, ids.len(), rows.join(",")));
    }

    fn says(&mut self, bytes: &[u8]) {
        self.conversation.receive(self.at, &mut BytesMut::from(bytes), &mut self.heard);
        self.reply_to_all();
    }

    fn event(&mut self, headers: &str) {
        let body = format!(r#"{{"Core-UUID":"{}",{headers}}}"#, self.core);
        self.says(format!("Content-Length: {}\nContent-Type: text/event-json\n\n{body}", body.len()).as_bytes());
    }

    fn beat(&mut self, sessions: usize) {
        self.event(&format!(r#""Event-Name":"HEARTBEAT","Session-Count":"{sessions}""#));
    }

    fn replies(&mut self, answer: &str) {
        self.says(format!("Content-Type: command/reply\nReply-Text: {answer}\n\n").as_bytes());
    }

    /// Until nothing is asked that it has an answer to.
    fn reply_to_all(&mut self) {
        loop {
            let sent = String::from_utf8(std::mem::take(self.conversation.to_send())).unwrap();
            if sent.is_empty() {
                return;
            }
            for command in sent.split("\n\n").filter(|command| !command.is_empty()) {
                self.sent.push(command.to_owned());
                let known = self.answers.iter().find(|(known, _)| {
                    command.starts_with(known) || command.strip_prefix("api ").is_some_and(|api| api.starts_with(known))
                });
                let Some((_, answer)) = known else { continue };
                let bytes = match command.starts_with("api ") && !answer.contains("permission denied") {
                    true => format!("Content-Type: api/response\nContent-Length: {}\n\n{answer}", answer.len()),
                    false => format!("Content-Type: command/reply\nReply-Text: {answer}\n\n"),
                };
                self.conversation.receive(self.at, &mut BytesMut::from(bytes.as_bytes()), &mut self.heard);
            }
        }
    }

    fn later(&mut self, wait: Duration) {
        let end = self.at + wait;
        while self.conversation.next_wake() <= end && !self.over() {
            self.at = self.at.max(self.conversation.next_wake());
            self.conversation.wake(self.at, &mut self.heard);
            self.reply_to_all();
        }
        self.at = end;
    }

    fn ask(&mut self, request: Request) {
        self.conversation.ask(self.at, request, &mut self.heard);
        self.reply_to_all();
    }

    /// The Job-UUID of the last command that went to the background.
    fn job(&self) -> String {
        let last = self.sent.iter().rev().find_map(|command| command.split_once("\nJob-UUID: "));
        last.expect("a job").1.to_owned()
    }

    fn job_says(&mut self, said: &str) {
        let id = self.job();
        self.event(&format!(r#""Event-Name":"BACKGROUND_JOB","Job-UUID":"{id}","_body":"{said}""#));
    }

    fn over(&self) -> bool {
        matches!(self.heard.last(), Some(Heard::Over(_)))
    }

    fn events(&mut self) -> Vec<String> {
        let heard = std::mem::take(&mut self.heard);
        let told = heard.iter().filter_map(|heard| match heard {
            Heard::Event { event, .. } => Some(format!("{} {}", event.name(), event.detail())),
            _ => None,
        });
        told.map(|text| text.trim().split(" (").next().unwrap_or_default().to_owned()).collect()
    }

    fn names(&mut self) -> Vec<String> {
        let named = |text: String| text.split(' ').next().unwrap_or_default().to_owned();
        self.events().into_iter().map(named).collect()
    }

    fn notes(&self) -> Vec<&str> {
        self.heard
            .iter()
            .filter_map(|heard| match heard {
                Heard::Note(note) => Some(note.as_str()),
                _ => None,
            })
            .collect()
    }

    fn asked(&mut self, part: &str) -> usize {
        let count = self.sent.iter().filter(|command| command.contains(part)).count();
        self.sent.clear();
        count
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn channel(id: &str) -> String {
    format!(
        r#"{{"uuid":"{id}","direction":"inbound","created_epoch":"1795295650","name":"sofia/external/139@10.0.0.1","callstate":"ACTIVE","cid_num":"13900000001","dest":"400","application":"","application_data":"","call_uuid":""}}"#
    )
}

fn created(id: &str) -> String {
    format!(
        r#""Event-Name":"CHANNEL_CREATE","Unique-ID":"{id}","Call-Direction":"inbound","Channel-Name":"sofia/external/139@10.0.0.1","Caller-Destination-Number":"400""#
    )
}

fn answered(id: &str) -> String {
    format!(r#""Event-Name":"CHANNEL_ANSWER","Unique-ID":"{id}","Call-Direction":"inbound","Answer-State":"answered""#)
}

fn destroyed(id: &str) -> String {
    format!(
        r#""Event-Name":"CHANNEL_DESTROY","Unique-ID":"{id}","Hangup-Cause":"NORMAL_CLEARING","variable_hangup_cause_q850":"16""#
    )
}

#[test]
fn it_subscribes_first_then_asks_and_what_came_meanwhile_comes_after() {
    let mut driven = Driven::new(None);
    driven.unanswered("api show channels");
    driven.table("queue list", r#"{"name":"support@default"}"#);
    driven.table(
        "agent list",
        r#"{"name":"1001@default","status":"Available","contact":"user/1001","wrap_up_time":"2"}"#,
    );
    driven.table("tier list", r#"{"queue":"support@default","agent":"1001@default","state":"Ready"}"#);
    driven.table(
        "member list",
        r#"{"queue":"support@default","session_uuid":"a","state":"Waiting","joined_epoch":"1795295655"},
           {"queue":"support@default","session_uuid":"ghost","state":"Waiting","joined_epoch":"1795295600"},
           {"queue":"support@default","session_uuid":"x","state":"Abandoned","joined_epoch":"1795295600"}"#,
    );
    driven.answers("api uuid_exists a", "true");
    driven.answers("api uuid_exists stale", "false");
    driven.says(b"Content-Type: auth/request\n\n");
    assert!(
        driven.sent[0].starts_with("auth ClueCon") && driven.sent[1].starts_with("event json BACKGROUND_JOB HEARTBEAT")
    );
    driven.version();
    assert!(driven.heard.contains(&Heard::Product("FreeSWITCH 1.10.12".into())));
    let clock = Some(Duration::from_millis(1_795_295_658_500));
    assert!(driven.heard.contains(&Heard::Pong { round_trip: Duration::ZERO, clock }));

    // While the channels are listed one begins and one ends; the list is older than both.
    driven.event(&created("b"));
    driven.event(&destroyed("c"));
    driven.event(&answered("a"));
    driven.at += secs(1);
    let rows: Vec<String> = ["a", "b", "c", "stale"].into_iter().map(channel).collect();
    let answer = format!(r#"{{"row_count":4,"rows":[{}]}}"#, rows.join(","));
    driven.says(format!("Content-Type: api/response\nContent-Length: {}\n\n{answer}", answer.len()).as_bytes());
    assert_eq!(driven.heard.last(), Some(&Heard::Live));
    let waited = driven.heard.iter().find_map(|heard| match heard {
        Heard::Event { event: CallEvent::CallerSeen { waited_ms, .. }, .. } => Some(*waited_ms),
        _ => None,
    });
    assert_eq!(waited, Some(4_000), "by the PBX's own clock");
    assert!(driven.heard.iter().any(|heard| matches!(heard, Heard::Event { held, .. } if *held == secs(1))));
    let expected = [
        "snapshot_began",
        "queue_seen",
        "agent_is",
        "member_is",
        "caller_seen",
        "leg_seen",
        "snapshot_ended",
        "leg_started",
        "leg_ended",
        "leg_is",
    ];
    assert_eq!(driven.names(), expected);
    assert_eq!(driven.conversation.boot().map(BootId::as_str), Some("58619c2db4414bfaa8753aec7135c6c0"));

    driven.event(&answered("b"));
    let event = CallEvent::LegIs { leg: "b".into(), state: LegState::Up };
    assert_eq!(driven.heard, [Heard::Event { event, held: Duration::ZERO }]);
}

#[test]
fn each_run_of_the_pbx_has_its_own_name() {
    let boot = |core, before: Option<&str>| {
        let mut driven = Driven::new(before);
        driven.core = core;
        driven.says(b"Content-Type: auth/request\n\n");
        driven.version();
        (driven.conversation.boot().cloned().unwrap(), driven.names())
    };
    let (first, names) = boot(CORE, None);
    assert_eq!(names, ["snapshot_began", "snapshot_ended"]);
    assert_eq!(boot(CORE, Some(first.as_str())).1.len(), 2, "the link was cut, the PBX ran on");
    let (second, names) = boot("7ce9d4c1-bd83-4705-9a1a-324d7e41615a", Some(first.as_str()));
    assert_eq!(names[..2], ["pbx_started", "snapshot_began"]);
    assert_ne!(first, second);
}

#[test]
fn the_run_may_be_told_by_any_event() {
    let mut driven = Driven::new(None);
    driven.answers("bgapi version", "-ERR permission denied");
    driven.says(b"Content-Type: auth/request\n\n");
    assert!(!driven.heard.contains(&Heard::Live), "not before it is known which run this is");
    driven.later(secs(20));
    driven.beat(0);
    assert!(driven.heard.contains(&Heard::Live));

    let mut driven = Driven::new(None);
    driven.answers("bgapi version", "-ERR permission denied");
    driven.says(b"Content-Type: auth/request\n\n");
    driven.later(secs(61));
    assert_eq!(driven.heard.last(), Some(&Heard::Over(Over::SnapshotStuck("version"))));
}

#[test]
fn plain_events_do_where_json_is_refused_and_none_is_a_failed_login() {
    let mut driven = Driven::new(None);
    driven.answers("event json", "-ERR no keywords supplied");
    driven.answers("event plain", "+OK event listener enabled plain");
    driven.answers.retain(|(known, _)| *known != "event ");
    driven.says(b"Content-Type: auth/request\n\n");
    driven.version();
    assert!(driven.heard.contains(&Heard::Live));
    driven.heard.clear();
    let body = "Event-Name: CHANNEL_CREATE\nUnique-ID: a\nCall-Direction: inbound\nChannel-Name: sofia/external/139%4010.0.0.1\n\n";
    driven.says(format!("Content-Length: {}\nContent-Type: text/event-plain\n\n{body}", body.len()).as_bytes());
    assert_eq!(driven.names(), ["leg_started"]);

    let mut driven = Driven::new(None);
    driven.answers("event ", "-ERR permission denied");
    driven.says(b"Content-Type: auth/request\n\n");
    let Some(Heard::Over(Over::Login(why))) = driven.heard.last() else { panic!("{:?}", driven.heard) };
    assert!(why.advice("a@b", None).contains("esl-allowed-events"), "{why:?}");
}

#[test]
fn what_is_refused_is_empty_with_a_note() {
    let mut driven = Driven::new(None);
    driven.answers("api show channels", "-ERR SQL disabled, no data available!\n");
    let none = r#"{"command":"callcenter_config","status":"error","message":"Invalid request or non-existant command","response":null}"#;
    for list in [List::Queues, List::Agents, List::Tiers] {
        driven.answers(list.command(), none);
    }
    driven.answers(List::Callers.command(), "-ERR permission denied");
    driven.says(b"Content-Type: auth/request\n\n");
    driven.version();
    let notes = driven.notes().join("\n");
    for part in ["-nosql", "load mod_callcenter", "esl-allowed-api"] {
        assert!(notes.contains(part), "{notes}");
    }
    assert_eq!(driven.names(), ["snapshot_began", "snapshot_ended"]);
}

#[test]
fn a_late_reply_keeps_its_place_in_the_line() {
    let mut driven = Driven::live();
    driven.unanswered("bgapi version");
    let hangup = |leg: &str| Request::Hangup { leg: leg.into() };
    driven.ask(hangup("a"));
    driven.later(REPLY_WITHIN);
    driven.unanswered("api strmicroepoch");
    assert_eq!(driven.heard, [Heard::Answered { request: hangup("a"), answer: Answer::Unknown }]);
    driven.heard.clear();

    driven.ask(hangup("b"));
    driven.replies("-ERR this is a's, and late");
    assert_eq!(driven.heard, []);
    driven.event(&created("x"));
    driven.replies("+OK Job-UUID: b");
    driven.job_says("-ERR No such channel!\\n");
    let no = Heard::Answered { request: hangup("b"), answer: Answer::No("No such channel!".into()) };
    assert_eq!(driven.heard.last(), Some(&no));

    driven.ask(hangup("c"));
    driven.replies("+OK Job-UUID: c");
    driven.job_says("+OK\\n");
    assert_eq!(driven.heard.last(), Some(&Heard::Answered { request: hangup("c"), answer: Answer::Done }));
    driven.ask(hangup("d"));
    driven.replies("-ERR permission denied");
    let denied = Heard::Answered { request: hangup("d"), answer: Answer::No("permission denied".into()) };
    assert_eq!(driven.heard.last(), Some(&denied));
    driven.ask(hangup("e"));
    driven.conversation.closed(&mut BytesMut::new(), &mut driven.heard);
    let unknown = Heard::Answered { request: hangup("e"), answer: Answer::Unknown };
    assert_eq!(driven.heard[driven.heard.len() - 2..], [unknown, Heard::Over(Over::Closed)]);
    driven.ask(hangup("f"));
    assert_eq!(driven.heard.last(), Some(&Heard::Answered { request: hangup("f"), answer: Answer::Down }));
}

#[test]
fn a_click_to_call_is_under_way_when_it_is_taken_and_told_when_it_is_through() {
    let mut driven = Driven::live();
    let leg: LegId = "ringback-1".into();
    let request = Request::Originate { agent: "1001".into(), to: Dialable::new("139").unwrap(), leg: leg.clone() };
    for (said, succeeded) in [("+OK ringback-1\\n", true), ("-ERR USER_NOT_REGISTERED\\n", false)] {
        driven.ask(request.clone());
        driven.replies("+OK Job-UUID: x");
        assert_eq!(driven.heard, [Heard::Answered { request: request.clone(), answer: Answer::Done }]);
        driven.later(secs(30));
        driven.heard.clear();
        driven.job_says(said);
        let event = CallEvent::OriginateEnded { leg: Some(leg.clone()), succeeded };
        assert_eq!(driven.heard, [Heard::Event { event, held: Duration::ZERO }]);
        driven.heard.clear();
    }
    driven.ask(request.clone());
    driven.replies("-ERR permission denied");
    let denied = Heard::Answered { request, answer: Answer::No("permission denied".into()) };
    assert_eq!(driven.heard, [denied]);
}

#[test]
fn a_pause_is_told_with_the_reason_that_freeswitch_forgets() {
    let mut driven = Driven::new(None);
    driven.table(
        "agent list",
        r#"{"name":"1001@default","status":"Available","contact":"user/1001","wrap_up_time":"7"}"#,
    );
    let mut driven = driven.go_live();
    driven.ask(Request::Pause { agent: "1001".into(), queue: None, paused: true, reason: "午饭".into() });
    assert!(driven.sent[0].starts_with("bgapi callcenter_config agent set status 1001@default 'On Break'\n"));
    driven.event(
        r#""Event-Name":"CUSTOM","Event-Subclass":"callcenter::info","CC-Action":"agent-status-change","CC-Agent":"1001@default","CC-Agent-Status":"On Break""#,
    );
    let event = CallEvent::AgentIs { agent: "1001".into(), duty: Duty::Paused("午饭".into()), wrap_up_s: 7 };
    assert_eq!(driven.heard, [Heard::Event { event, held: Duration::ZERO }]);
    for (status, duty) in [("Available", Duty::In), ("On Break", Duty::Paused("".into()))] {
        driven.heard.clear();
        driven.event(&format!(
            r#""Event-Name":"CUSTOM","Event-Subclass":"callcenter::info","CC-Action":"agent-status-change","CC-Agent":"1001@default","CC-Agent-Status":"{status}""#
        ));
        let event = CallEvent::AgentIs { agent: "1001".into(), duty, wrap_up_s: 7 };
        assert_eq!(driven.heard, [Heard::Event { event, held: Duration::ZERO }], "the reason was of that break alone");
    }
    driven.ask(Request::Pause { agent: "1002".into(), queue: None, paused: true, reason: String::new() });
    assert!(matches!(driven.heard.last(), Some(Heard::Answered { answer: Answer::No(_), .. })));
}

#[test]
fn places_in_queues_are_listed_every_minute_and_what_changed_is_told() {
    let mut driven = Driven::live();
    driven.table("agent list", r#"{"name":"1001@default","status":"On Break","contact":"user/1001"}"#);
    driven.table("tier list", r#"{"queue":"support@default","agent":"1001@default","state":"Ready"}"#);
    driven.later(DUTIES_EVERY);
    assert_eq!(driven.names(), ["agent_is", "member_is"]);
    driven.later(DUTIES_EVERY);
    assert_eq!(driven.names(), [""; 0]);
    // mod_callcenter is being loaded anew: that sends nobody home.
    driven.answers(List::Tiers.command(), "-ERR json Command not found!\n");
    driven.later(DUTIES_EVERY);
    assert_eq!(driven.names(), ["look_began", "look_ended"]);
    driven.table("tier list", "");
    driven.later(DUTIES_EVERY);
    let names = driven.names();
    assert!(names.contains(&"member_removed".to_owned()), "{names:?}");
}

#[test]
fn a_look_compares_and_says_nothing_new() {
    let mut driven = Driven::live();
    driven.event(&created("a"));
    driven.channels(&["a"]);
    driven.heard.clear();
    driven.later(secs(1));
    driven.ask(Request::Look);
    driven.later(Duration::ZERO);
    assert_eq!(driven.heard[0], Heard::Answered { request: Request::Look, answer: Answer::Done });
    assert_eq!(driven.names(), ["look_began", "leg_seen", "look_ended"]);
    driven.sent.clear();
    driven.later(LOOK_EVERY - secs(1));
    assert_eq!(driven.asked("show channels"), 0);
    driven.later(secs(1));
    assert_eq!(driven.asked("show channels"), 1, "and by itself every few minutes");
}

#[test]
fn a_leg_that_is_gone_without_a_word_is_told_to_have_ended() {
    let mut driven = Driven::live();
    for id in ["gone", "late", "up"] {
        driven.event(&created(id));
    }
    driven.heard.clear();
    driven.at += secs(5);
    driven.channels(&["up"]);
    driven.answers("api uuid_exists", "false");
    driven.ask(Request::Look);
    driven.later(secs(1));
    assert_eq!(driven.asked("uuid_exists"), 2);
    assert_eq!(driven.names(), ["look_began", "leg_seen", "look_ended"]);
    // The event was only slow.
    driven.event(&destroyed("late"));
    driven.later(GONE_AFTER);
    assert!(driven.notes()[0].contains("1 channels"), "{:?}", driven.heard);
    assert_eq!(driven.events(), ["leg_ended late cause 16", "leg_gone gone"]);
    driven.later(LOOK_EVERY);
    assert_eq!(driven.asked("uuid_exists"), 0, "and never again");
}

#[test]
fn without_a_list_of_channels_each_leg_is_asked_for_and_nothing_is_compared() {
    let mut driven = Driven::live();
    driven.event(&created("a"));
    driven.event(&created("b"));
    driven.heard.clear();
    driven.at += secs(1);
    driven.answers("api show channels", "-ERR SQL disabled, no data available!\n");
    driven.answers("api uuid_exists a", "true");
    driven.answers("api uuid_exists b", "false");
    driven.ask(Request::Look);
    driven.later(GONE_AFTER);
    assert_eq!(driven.events(), ["leg_gone b"]);
}

#[test]
fn a_list_that_is_behind_is_asked_for_again() {
    let mut driven = Driven::live();
    driven.event(&created("a"));
    driven.heard.clear();
    driven.at += secs(1);
    driven.answers("api uuid_exists a", "true");
    driven.ask(Request::Look);
    driven.later(secs(1));
    assert_eq!(driven.names(), [""; 0], "nothing is said by a list that does not know of it yet");
    driven.channels(&["a"]);
    driven.later(LIST_AGAIN_AFTER);
    assert_eq!(driven.names(), ["look_began", "leg_seen", "look_ended"]);
}

#[test]
fn a_leg_that_came_up_without_a_word_asks_for_a_snapshot() {
    let mut driven = Driven::live();
    driven.channels(&["lost"]);
    driven.answers("api uuid_exists lost", "true");
    driven.later(secs(10));
    driven.heard.clear();
    driven.ask(Request::Look);
    driven.later(secs(1));
    let names = driven.names();
    assert_eq!(names, ["look_began", "leg_seen", "look_ended", "snapshot_began", "leg_seen", "snapshot_ended"]);

    // Or it is heard of, and nobody knows it.
    let mut driven = Driven::live();
    driven.channels(&["lost"]);
    driven.answers("api uuid_exists lost", "true");
    driven.later(LOOK_AT_MOST_EVERY);
    driven.event(&answered("lost"));
    driven.later(secs(5));
    assert!(driven.names().contains(&"snapshot_began".to_owned()));
}

#[test]
fn the_pbx_s_own_count_of_sessions_is_compared() {
    let mut driven = Driven::live();
    driven.later(secs(15));
    driven.beat(1);
    driven.later(secs(20));
    assert_eq!(driven.asked("show channels"), 0, "once says nothing: events are under way");
    driven.beat(1);
    driven.later(secs(16));
    assert_eq!(driven.asked("show channels"), 1);
    for _ in 0..5 {
        driven.beat(1);
        driven.later(secs(20));
    }
    assert_eq!(driven.asked("show channels"), 0, "the look found nothing: let it be");
    driven.beat(2);
    driven.later(secs(20));
    driven.beat(2);
    driven.later(secs(20));
    assert_eq!(driven.asked("show channels"), 1);
}

#[test]
fn silence_is_pinged_and_no_answer_is_death() {
    let mut driven = Driven::live();
    driven.later(PING_EVERY);
    assert_eq!(driven.asked("strmicroepoch"), 1);
    driven.unanswered("api strmicroepoch");
    driven.later(PING_EVERY);
    driven.event(&created("a"));
    driven.later(secs(9));
    assert!(!driven.over());
    driven.later(secs(30));
    assert_eq!(driven.heard.last(), Some(&Heard::Over(Over::Dead)));
}

#[test]
fn pongs_without_a_heartbeat_are_a_link_that_is_deaf() {
    let mut driven = Driven::live();
    driven.later(secs(200));
    assert!(!driven.over(), "who never beat is not missed");
    driven.beat(0);
    driven.later(secs(20));
    driven.beat(0);
    driven.later(secs(59));
    assert!(!driven.over());
    driven.later(secs(2));
    assert_eq!(driven.heard.last(), Some(&Heard::Over(Over::NoHeartbeat)));
}

#[test]
fn damage_asks_for_a_snapshot_but_ends_it_where_replies_may_be_lost() {
    let mut driven = Driven::live();
    driven.later(secs(6));
    let torn = b"Content-Length: 10\nContent-Type: text/event-json\n\n{\"Event-N";
    for _ in 0..20 {
        driven.says(&[torn, &b"Content-Type: auth/request\n\n"[..]].concat());
    }
    driven.event(r#""Event-Name":"CHANNEL_CREATE","a":[1}"#);
    assert_eq!(driven.heard.iter().filter(|heard| matches!(heard, Heard::Damaged { .. })).count(), 21);
    driven.heard.clear();
    driven.later(Duration::from_millis(1));
    assert_eq!(driven.names(), ["snapshot_began", "snapshot_ended"]);

    driven.unanswered("api strmicroepoch");
    driven.later(PING_EVERY);
    driven.says(&[torn, &b"Content-Type: auth/request\n\n"[..]].concat());
    assert_eq!(driven.heard.last(), Some(&Heard::Over(Over::LostTrack)));
}

#[test]
fn every_way_to_end_is_told() {
    let mut driven = Driven::new(None);
    driven.later(LOGIN_WITHIN);
    assert_eq!(driven.heard, [Heard::Over(Over::Login(session::LoginFailure::Esl(LoginFailure::Silent)))]);

    let mut driven = Driven::new(None);
    driven.says(b"SSH-2.0-OpenSSH_9.6\r\n");
    let stranger = LoginFailure::NotEsl("SSH-2.0-OpenSSH_9.6".into());
    assert_eq!(driven.heard, [Heard::Over(Over::Login(session::LoginFailure::Esl(stranger)))]);

    let mut driven = Driven::new(None);
    driven.unanswered("api show channels");
    driven.says(b"Content-Type: auth/request\n\n");
    driven.version();
    driven.later(LIST_WITHIN);
    assert!(matches!(driven.heard.last(), Some(Heard::Over(Over::Dead | Over::SnapshotStuck("show channels")))));

    let mut driven = Driven::live();
    driven.event(r#""Event-Name":"SHUTDOWN","Event-Info":"System Shutting Down""#);
    let mut rest = BytesMut::from(
        &b"Content-Type: text/disconnect-notice\nContent-Length: 31\n\nThe system is being shut down.\n"[..],
    );
    driven.conversation.closed(&mut rest, &mut driven.heard);
    assert_eq!(driven.heard.pop(), Some(Heard::Over(Over::ShutDown)));
    assert_eq!(driven.names(), ["pbx_stopping"]);

    let mut driven = Driven::live();
    driven.conversation.closed(&mut BytesMut::from(&b"Content-Le"[..]), &mut driven.heard);
    assert!(matches!(driven.heard[..], [Heard::Damaged { bytes: 10, .. }, Heard::Over(Over::Closed)]));
}

#[test]
fn a_flood_during_a_snapshot_is_not_held_without_end() {
    let mut driven = Driven::new(None);
    driven.unanswered("api show channels");
    driven.says(b"Content-Type: auth/request\n\n");
    for _ in 0..=MAX_HELD {
        driven.event(&answered("a"));
        if driven.over() {
            break;
        }
    }
    assert_eq!(driven.heard.last(), Some(&Heard::Over(Over::FellBehind)));
}

/// The other side of a recording, whose answers are of the recorder's own commands: all but its
/// events and farewells is left out.
fn events_of(name: &str) -> Vec<u8> {
    let (_, bytes) = recordings().into_iter().find(|(file, _)| file == name).unwrap();
    let (mut codec, mut buffer, mut kept) = (EslCodec::default(), BytesMut::from(&bytes[..]), Vec::new());
    while let Ok(Some(message)) = codec.decode(&mut buffer) {
        let Message::Frame(frame) = message else { panic!("{message:?}") };
        if matches!(
            frame.content_type,
            ContentType::EventJson | ContentType::EventPlain | ContentType::DisconnectNotice
        ) {
            kept.extend_from_slice(&frame.headers);
            kept.extend_from_slice(&frame.body);
        }
    }
    kept
}

#[test]
fn a_recorded_server_that_stops_mid_call_says_so() {
    for name in ["server_stops_mid_call.json.esl", "server_stops_mid_call.plain.esl"] {
        let mut driven = Driven::live();
        driven.says(&events_of(name));
        driven.conversation.closed(&mut BytesMut::new(), &mut driven.heard);
        assert_eq!(driven.heard.last(), Some(&Heard::Over(Over::ShutDown)), "{name}");
        let names = driven.names();
        assert_eq!(names.iter().filter(|name| *name == "pbx_stopping").count(), 1, "{name}");
        assert!(names.iter().filter(|name| *name == "leg_started").count() > 1);
    }
}

#[test]
fn a_recorded_refusal_is_a_failed_login() {
    for (name, bytes) in recordings().into_iter().filter(|(name, _)| name.starts_with("auth_refused")) {
        let mut driven = Driven::new(None);
        driven.unanswered("auth ");
        driven.says(&bytes);
        let refused = Over::Login(session::LoginFailure::Esl(LoginFailure::Refused));
        assert_eq!(driven.heard, [Heard::Over(refused)], "{name}");
    }
}

/// The lists as the recorder was answered, in its own order, as the other tables are in bars.
#[test]
fn a_recorded_connection_in_the_midst_of_calls_sees_them_all() {
    for (name, bytes) in recordings().into_iter().filter(|(name, _)| name.starts_with("connects_mid_call")) {
        let (mut codec, mut buffer) = (EslCodec::default(), BytesMut::from(&bytes[..]));
        let mut driven = Driven::new(None);
        while let Ok(Some(Message::Frame(frame))) = codec.decode(&mut buffer) {
            let answer = text(&frame.body).into_owned();
            let list = [
                ("queue_name", ""),
                ("name|strategy", List::Queues.command()),
                ("name|instance_id", List::Agents.command()),
                ("queue|agent", List::Tiers.command()),
                ("queue|instance_id", List::Callers.command()),
            ]
            .into_iter()
            .find(|(begins, _)| answer.starts_with(begins));
            if frame.content_type == ContentType::ApiResponse {
                match list {
                    Some((_, command)) => driven.answers(command, &answer),
                    None if answer.contains("\"read_codec\"") => driven.answers("api show channels", &answer),
                    None => {}
                }
            }
        }
        driven.answers("api uuid_exists", "true");
        driven.says(b"Content-Type: auth/request\n\n");
        driven.version();
        let events = driven.events();
        let count = |name: &str| events.iter().filter(|event| event.starts_with(name)).count();
        assert_eq!(
            (count("leg_seen"), count("caller_seen"), count("agent_is"), count("member_is")),
            (3, 1, 3, 5),
            "{name}: {events:#?}"
        );
        driven.says(&events_of(&name));
        let names = driven.names();
        assert!(names.iter().filter(|name| *name == "leg_ended").count() >= 4, "{names:?}");
        driven.later(LOOK_AT_MOST_EVERY);
        assert_eq!(driven.conversation.sight.count(), 0, "every leg that was seen has ended");
    }
}
