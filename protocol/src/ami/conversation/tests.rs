use super::*;
use crate::ami;
use crate::event::{LegId, LegState};
use crate::request::Dialable;

const BOOTED: &str = "Response: Success\nActionID: {CoreStatus}\nCoreStartupDate: 2026-11-21\nCoreStartupTime: 20:37:13\nCoreCurrentCalls: 0";

/// A conversation, and what its other side was asked.
struct Driven {
    conversation: Conversation,
    began: Instant,
    at: Instant,
    /// ActionIDs by the action's name, the last one of each.
    asked: BTreeMap<String, String>,
    /// All that was sent since it was last looked at.
    sent: String,
    heard: Vec<Heard>,
}

impl Driven {
    fn new(boot: Option<&str>) -> Self {
        let at = Instant::now();
        let credentials = Credentials { username: "cc".into(), secret: "s3cret".into() };
        let dialling = Dialling { channel: "PJSIP/{agent}".into(), context: "from-internal".into(), caller_id: None };
        let conversation = Conversation::new(credentials, dialling, 7, boot.map(BootId::from), at);
        Driven { conversation, began: at, at, asked: BTreeMap::new(), sent: String::new(), heard: Vec::new() }
    }

    fn signed_in() -> Self {
        let mut driven = Driven::new(None);
        driven.says_raw("Asterisk Call Manager/11.0.0\r\n");
        driven.says("Response: Success\nActionID: {Challenge}\nChallenge: 1");
        driven.says("Response: Success\nActionID: {Login}\nMessage: Authentication accepted");
        driven.says("Event: FullyBooted\nPrivilege: system,all\nStatus: Fully Booted");
        driven
    }

    fn live() -> Self {
        let mut driven = Driven::signed_in();
        driven.says("Response: Success\nActionID: {Ping}\nPing: Pong\nTimestamp: 1795293433.500000");
        driven.says("Response: Success\nActionID: {CoreSettings}\nAsteriskVersion: 22.10.0");
        driven.says(BOOTED);
        driven.list("QueueStatus", &[]);
        driven.list("BridgeList", &[]);
        driven.list("CoreShowChannels", &[]);
        driven.heard.clear();
        driven.sent.clear();
        driven
    }

    fn list(&mut self, name: &str, items: &[&str]) {
        self.says(&format!("Response: Success\nActionID: {{{name}}}\nEventList: start\nMessage: will follow"));
        for item in items {
            self.says(&format!("{item}\nActionID: {{{name}}}"));
        }
        self.says(&format!(
            "Event: {name}Complete\nActionID: {{{name}}}\nEventList: Complete\nListItems: {}",
            items.len()
        ));
    }

    fn says(&mut self, packet: &str) {
        let mut text = packet.replace('\n', "\r\n");
        for (name, id) in &self.asked {
            text = text.replace(&format!("{{{name}}}"), id);
        }
        assert!(!text.contains('{'), "not asked: {text}");
        self.says_raw(&(text + "\r\n\r\n"));
    }

    fn says_raw(&mut self, text: &str) {
        self.conversation.receive(self.at, &mut BytesMut::from(text.as_bytes()), &mut self.heard);
        self.collect();
    }

    fn collect(&mut self) {
        let sent = String::from_utf8(std::mem::take(self.conversation.to_send())).unwrap();
        for action in sent.split("\r\n\r\n").filter(|action| !action.is_empty()) {
            let value = |key: &str| action.lines().find_map(|line| line.strip_prefix(key)).unwrap().to_owned();
            self.asked.insert(value("Action: "), value("ActionID: "));
        }
        self.sent.push_str(&sent);
    }

    fn later(&mut self, wait: Duration) {
        let end = self.at + wait;
        while self.conversation.next_wake() <= end && !self.over() {
            self.at = self.at.max(self.conversation.next_wake());
            self.conversation.wake(self.at, &mut self.heard);
            self.collect();
        }
        self.at = end;
    }

    fn over(&self) -> bool {
        matches!(self.heard.last(), Some(Heard::Over(_)))
    }

    fn events(&mut self) -> Vec<(&'static str, Duration)> {
        let heard = std::mem::take(&mut self.heard);
        heard
            .iter()
            .filter_map(|heard| match heard {
                Heard::Event { event, held } => Some((event.name(), *held)),
                _ => None,
            })
            .collect()
    }

    fn names(&mut self) -> Vec<&'static str> {
        self.events().into_iter().map(|(name, _)| name).collect()
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const NEWSTATE: &str = "Event: Newstate\nPrivilege: call,all\nChannelState: 6\nUniqueid: lab-1.1";

#[test]
fn a_snapshot_comes_first_and_what_came_meanwhile_after_it() {
    let mut driven = Driven::signed_in();
    driven.says(NEWSTATE);
    driven.at += secs(1);
    driven.says("Response: Success\nActionID: {Ping}\nPing: Pong\nTimestamp: 1795293433.500000");
    driven.says("Response: Success\nActionID: {CoreSettings}\nAsteriskVersion: 22.10.0");
    driven.says(BOOTED);
    driven.list("QueueStatus", &["Event: QueueParams\nQueue: support"]);
    driven.says("Event: Hangup\nPrivilege: call,all\nUniqueid: lab-1.1\nCause: 16");
    assert!(!driven.heard.contains(&Heard::Live));
    let seen = "Event: CoreShowChannel\nChannel: PJSIP/1001-00000001\nChannelState: 6\nChannelStateDesc: Up\n\
                CallerIDNum: 1001\nCallerIDName: \nExten: 1\nUniqueid: lab-1.2\nLinkedid: lab-1.2\nDuration: 00:00:05";
    driven.list("BridgeList", &[]);
    driven.list("CoreShowChannels", &[seen]);
    assert!(driven.heard.contains(&Heard::Product("Asterisk 22.10.0".into())));
    let clock = Some(Duration::from_millis(1_795_293_433_500));
    assert!(driven.heard.contains(&Heard::Pong { round_trip: secs(1), clock }));
    assert_eq!(driven.heard.last(), Some(&Heard::Live));
    let expected = [
        ("snapshot_began", 0),
        ("queue_seen", 0),
        ("leg_seen", 0),
        ("snapshot_ended", 0),
        ("leg_is", 1),
        ("leg_ended", 0),
    ];
    assert_eq!(driven.events(), expected.map(|(name, held)| (name, secs(held))));

    driven.says(NEWSTATE);
    let event = CallEvent::LegIs { leg: "lab-1.1".into(), state: LegState::Up };
    assert_eq!(driven.heard, [Heard::Event { event, held: Duration::ZERO }]);
}

#[test]
fn each_run_of_the_pbx_has_its_own_name() {
    let boot = |time: &str, before: Option<&str>| {
        let mut driven = Driven::new(before);
        driven.says_raw("Asterisk Call Manager/11.0.0\r\n");
        driven.says("Response: Success\nActionID: {Challenge}\nChallenge: 1");
        driven.says("Response: Success\nActionID: {Login}");
        driven.says(&BOOTED.replace("20:37:13", time));
        (driven.conversation.boot().cloned().unwrap(), driven.names())
    };
    let (first, names) = boot("20:37:13", None);
    assert_eq!(names, ["snapshot_began"]);
    assert_eq!(boot("20:37:13", Some(first.as_str())).1, ["snapshot_began"], "the link was cut, the PBX ran on");
    let (second, names) = boot("20:37:14", Some(first.as_str()));
    assert_eq!(names, ["pbx_started", "snapshot_began"]);
    assert_ne!(first, second);
}

#[test]
fn an_error_to_a_list_is_an_empty_list_with_a_note() {
    let mut driven = Driven::signed_in();
    driven.says(BOOTED);
    driven.says("Response: Error\nActionID: {QueueStatus}\nMessage: Invalid/unknown command: QueueStatus.");
    driven.says("Response: Error\nActionID: {BridgeList}\nMessage: Permission denied");
    driven.says("Response: Error\nActionID: {CoreShowChannels}\nMessage: Permission denied");
    let notes: Vec<&str> = driven
        .heard
        .iter()
        .filter_map(|heard| match heard {
            Heard::Note(note) => Some(note.as_str()),
            _ => None,
        })
        .collect();
    assert!(notes[0].contains("app_queue.so") && notes[1].contains("`reporting`"), "{notes:?}");
    assert_eq!(driven.names(), ["snapshot_began", "snapshot_ended"]);

    // It was still starting: once it is up, all is asked again.
    driven.says("Event: FullyBooted\nPrivilege: system,all\nStatus: Fully Booted");
    driven.later(SNAPSHOT_EVERY);
    driven.says(BOOTED);
    driven.list("QueueStatus", &["Event: QueueParams\nQueue: support"]);
    driven.list("BridgeList", &[]);
    driven.list("CoreShowChannels", &[]);
    assert_eq!(driven.names(), ["snapshot_began", "queue_seen", "snapshot_ended"]);
}

#[test]
fn the_login_s_own_fully_booted_asks_for_nothing() {
    let mut driven = Driven::live();
    driven.later(secs(10));
    assert_eq!(driven.sent, "");
}

#[test]
fn damage_and_reloads_ask_for_a_snapshot_but_not_all_the_time() {
    let mut driven = Driven::live();
    driven.later(secs(6));
    for _ in 0..20 {
        driven.says("Event: Newstate\nPrivilege: call,all\nChan\nUniqueid: lab-1.1");
        driven.says("Event: Reload\nPrivilege: system,all\nModule: app_queue.so\nStatus: 0");
    }
    driven.says("Event: Reload\nPrivilege: system,all\nModule: res_pjsip.so\nStatus: 0");
    driven.later(Duration::from_millis(1));
    assert_eq!(driven.sent.matches("Action: CoreShowChannels").count(), 1);
    assert_eq!(driven.heard.iter().filter(|heard| matches!(heard, Heard::Damaged { .. })).count(), 20);
    driven.says(BOOTED);
    driven.list("QueueStatus", &[]);
    driven.list("BridgeList", &[]);
    driven.list("CoreShowChannels", &[]);
    assert_eq!(driven.names(), ["snapshot_began", "snapshot_ended"]);
}

#[test]
fn silence_is_pinged_and_no_answer_is_death() {
    let mut driven = Driven::live();
    driven.later(PING_EVERY);
    assert!(driven.sent.starts_with("Action: Ping\r\n"));
    driven.says("Response: Success\nActionID: {Ping}\nPing: Pong");
    driven.later(PING_EVERY);
    driven.says(NEWSTATE);
    driven.later(secs(9));
    assert!(!driven.over());
    driven.later(secs(20));
    assert_eq!(driven.heard.last(), Some(&Heard::Over(Over::Dead)));
}

#[test]
fn events_without_a_pong_are_life_enough() {
    let mut driven = Driven::live();
    for _ in 0..20 {
        driven.later(secs(5));
        driven.says(NEWSTATE);
        assert!(!driven.over());
    }
}

#[test]
fn requests_are_answered_once_and_late_replies_fall_away() {
    let mut driven = Driven::live();
    let hangup = |id: &str| Request::Hangup { leg: id.into() };
    let ask = |driven: &mut Driven, id: &str| {
        driven.conversation.ask(driven.at, hangup(id), &mut driven.heard);
        driven.collect();
    };
    ask(&mut driven, "a");
    driven.says("Response: Success\nActionID: {Hangup}\nMessage: Channel Hungup");
    ask(&mut driven, "b");
    driven.says("Response: Error\nActionID: {Hangup}\nMessage: No such channel");
    ask(&mut driven, "c");
    driven.later(REPLY_WITHIN);
    driven.says("Response: Success\nActionID: {Hangup}\nMessage: Channel Hungup");
    ask(&mut driven, "d");
    driven.conversation.closed(&mut BytesMut::new(), &mut driven.heard);
    ask(&mut driven, "e");
    let answers: Vec<_> = driven
        .heard
        .iter()
        .filter_map(|heard| match heard {
            Heard::Answered { request: Request::Hangup { leg }, answer } => Some((leg.as_str(), answer.clone())),
            _ => None,
        })
        .collect();
    let no = |said: &str| Answer::No(said.into());
    assert_eq!(
        answers,
        [
            ("a", Answer::Done),
            ("b", no("No such channel")),
            ("c", Answer::Unknown),
            ("d", Answer::Unknown),
            ("e", Answer::Down),
        ]
    );
}

#[test]
fn a_click_to_call_that_fails_is_told_by_its_own_leg() {
    let mut driven = Driven::live();
    let leg: LegId = "ringback-1".into();
    let to = Dialable::new("13600000001").unwrap();
    let request = Request::Originate { agent: "1001".into(), to, leg: leg.clone() };
    driven.conversation.ask(driven.at, request, &mut driven.heard);
    driven.collect();
    driven.says("Response: Success\nActionID: {Originate}\nMessage: Originate successfully queued");
    driven.says(
        "Event: OriginateResponse\nPrivilege: call,all\nActionID: {Originate}\nResponse: Failure\nChannel: PJSIP/1001\n\
         Reason: 0\nUniqueid: ringback-1",
    );
    let ended = CallEvent::OriginateEnded { leg: Some(leg), succeeded: false };
    assert_eq!(driven.heard.last(), Some(&Heard::Event { event: ended, held: Duration::ZERO }));
}

#[test]
fn a_pause_names_the_member_as_its_queue_does() {
    let mut driven = Driven::live();
    driven.says(
        "Event: QueueMemberStatus\nPrivilege: agent,all\nQueue: support\nMemberName: A\n\
         Interface: Local/1003@members/n\nStateInterface: PJSIP/1003\nStatus: 1\nPaused: 0\nInCall: 0",
    );
    let pause = Request::Pause { agent: "1003".into(), queue: None, paused: true, reason: String::new() };
    driven.conversation.ask(driven.at, pause, &mut driven.heard);
    driven.collect();
    assert!(driven.sent.contains("\r\nInterface: Local/1003@members/n\r\n"), "{}", driven.sent);
}

#[test]
fn every_way_to_end_is_told() {
    let mut driven = Driven::new(None);
    driven.later(LOGIN_WITHIN);
    assert_eq!(driven.heard, [Heard::Over(Over::Login(LoginFailure::Ami(ami::login::LoginFailure::Silent)))]);
    assert_eq!(driven.at, driven.began + LOGIN_WITHIN);

    let mut driven = Driven::signed_in();
    driven.later(LIST_WITHIN);
    assert!(matches!(driven.heard.last(), Some(Heard::Over(Over::Dead | Over::SnapshotStuck(_)))));

    let mut driven = Driven::live();
    driven.says("Event: Shutdown\nPrivilege: system,all\nShutdown: Cleanly\nRestart: False");
    driven.conversation.closed(&mut BytesMut::new(), &mut driven.heard);
    assert_eq!(driven.heard.pop(), Some(Heard::Over(Over::ShutDown)));
    assert_eq!(driven.names(), ["pbx_stopping"]);

    let mut driven = Driven::live();
    let mut rest = BytesMut::from(&b"Event: Newsta"[..]);
    driven.conversation.receive(driven.at, &mut rest, &mut driven.heard);
    driven.conversation.closed(&mut rest, &mut driven.heard);
    assert!(matches!(driven.heard[..], [Heard::Damaged { bytes: 13, .. }, Heard::Over(Over::Closed)]));
}

#[test]
fn a_flood_during_a_snapshot_is_not_held_without_end() {
    let mut driven = Driven::signed_in();
    let flood = (NEWSTATE.replace('\n', "\r\n") + "\r\n\r\n").repeat(MAX_HELD + 1);
    driven.says_raw(&flood);
    assert_eq!(driven.heard.last(), Some(&Heard::Over(Over::FellBehind)));
}

/// The conversation of `live` with two queues.
fn with_queues() -> Driven {
    let mut driven = Driven::live();
    driven.conversation.want_snapshot(driven.at);
    driven.later(secs(0));
    driven.says(BOOTED);
    driven.list("QueueStatus", &["Event: QueueParams\nQueue: sales", "Event: QueueParams\nQueue: support"]);
    driven.list("BridgeList", &[]);
    driven.list("CoreShowChannels", &[]);
    driven.heard.clear();
    driven.sent.clear();
    driven
}

fn look(driven: &mut Driven) {
    driven.conversation.ask(driven.at, Request::Look, &mut driven.heard);
    driven.collect();
}

#[test]
fn a_look_asks_a_queue_at_a_time_and_holds_no_event() {
    let mut driven = with_queues();
    look(&mut driven);
    assert!(driven.sent.contains("Queue: sales\r\n") && !driven.sent.contains("Queue: support"), "{}", driven.sent);
    driven.list("QueueStatus", &["Event: QueueParams\nQueue: sales"]);
    driven.says(NEWSTATE);
    assert_eq!(driven.names(), ["look_began", "queue_seen", "leg_is"], "told as it came");
    assert!(!driven.sent.contains("Queue: support"), "there is room between two lists");
    driven.later(secs(1));
    driven.list("QueueStatus", &["Event: QueueParams\nQueue: support"]);
    driven.later(secs(1));
    driven.list("CoreShowChannels", &[]);
    assert_eq!(driven.names(), ["queue_seen", "look_ended"]);
    assert_eq!(driven.sent.matches("Action: QueueStatus").count(), 2);
    assert_eq!(driven.sent.matches("Action: CoreShowChannels").count(), 1);
}

#[test]
fn a_snapshot_overtakes_a_look_and_what_is_left_of_it_is_no_news() {
    let mut driven = with_queues();
    look(&mut driven);
    let item = "Event: QueueMember\nQueue: sales\nLocation: PJSIP/1001\nStatus: 1\nActionID: {QueueStatus}";
    let late = item.replace("{QueueStatus}", &driven.asked["QueueStatus"]);
    driven.conversation.want_snapshot(driven.at);
    driven.later(secs(0));
    driven.heard.clear();
    driven.says(&late);
    driven.says(BOOTED);
    driven.list("QueueStatus", &[]);
    driven.list("BridgeList", &[]);
    driven.list("CoreShowChannels", &[]);
    assert_eq!(driven.names(), ["snapshot_began", "snapshot_ended"]);
    look(&mut driven);
    look(&mut driven);
    let refused = driven.heard.iter().filter(|heard| matches!(heard, Heard::Answered { answer: Answer::No(_), .. }));
    assert_eq!(refused.count(), 1, "one look at a time");
}

#[test]
fn a_look_that_is_refused_or_stuck_harms_nothing() {
    let mut driven = with_queues();
    look(&mut driven);
    driven.says("Response: Error\nActionID: {QueueStatus}\nMessage: Permission denied");
    look(&mut driven);
    driven.heard.clear();
    for _ in 0..7 {
        driven.later(secs(5));
        driven.says(NEWSTATE);
    }
    assert!(driven.heard.iter().any(|heard| matches!(heard, Heard::Note(note) if note.contains("QueueStatus"))));
    assert!(!driven.over(), "calls go on being told: {:?}", driven.heard);
}

#[test]
fn a_list_that_counts_otherwise_is_noted() {
    let mut driven = with_queues();
    look(&mut driven);
    driven.says("Response: Success\nActionID: {QueueStatus}\nEventList: start\nMessage: will follow");
    driven.says("Event: QueueParams\nQueue: sales\nActionID: {QueueStatus}");
    driven.says("Event: QueueStatusComplete\nActionID: {QueueStatus}\nEventList: Complete\nListItems: 2");
    let noted =
        |heard: &Heard| matches!(heard, Heard::Note(note) if note.contains("counts 2") && note.contains("1 were"));
    assert!(driven.heard.iter().any(noted), "{:?}", driven.heard);
}

#[test]
fn why_all_is_asked_for_again_is_said() {
    let mut driven = Driven::live();
    driven.says("Event: Reload\nPrivilege: system,all\nModule: app_queue.so\nStatus: 0");
    driven.later(secs(6));
    assert!(driven.heard.contains(&Heard::Resync("The PBX has loaded its queues anew.")), "{:?}", driven.heard);
}
