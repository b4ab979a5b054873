use std::time::{Duration, Instant};

use super::*;

fn dialling() -> Dialling {
    Dialling { channel: "PJSIP/{agent}".into(), context: "from-internal".into(), caller_id: None }
}

/// What goes out, where queues know the agent by these interfaces.
fn sent(request: &Request, dialling: &Dialling, known: &[(&str, &str)]) -> Result<String, Unsendable> {
    let interfaces = known.iter().map(|(queue, interface)| ((*queue).into(), (*interface).into())).collect();
    let mut send = Vec::new();
    for (_, action) in actions(request, dialling, |_| interfaces, &mut ActionIds::new(10))? {
        action.write(&mut send);
    }
    Ok(String::from_utf8(send).expect("UTF-8, as what came in"))
}

fn pause(queue: Option<&str>, reason: &str) -> Request {
    Request::Pause { agent: "1001".into(), queue: queue.map(Into::into), paused: true, reason: reason.into() }
}

fn spy(on: &str, how: Spying) -> Request {
    Request::Spy { spy: "1010".into(), on: on.into(), agent: "1001".into(), how, leg: "ringback-spy-7".into() }
}

#[test]
fn a_click_to_call_is_async_with_our_own_id() {
    let request = Request::Originate {
        agent: "1001".into(),
        to: Dialable::new("+8613600000001").unwrap(),
        leg: "ringback-7".into(),
    };
    let expected = "Action: Originate\r\nActionID: a-1\r\nChannel: PJSIP/1001\r\nContext: from-internal\r\n\
                    Exten: +8613600000001\r\nPriority: 1\r\nCallerID: 1001\r\nTimeout: 30000\r\n\
                    ChannelId: ringback-7\r\nAsync: true\r\n\r\n";
    assert_eq!(sent(&request, &dialling(), &[]).unwrap(), expected);
}

#[test]
fn a_pause_goes_to_each_interface_by_which_queues_know_the_agent() {
    let known = [("after", "PJSIP/1001"), ("sales", "Local/1001@agents/n"), ("support", "PJSIP/1001")];
    let expected = "Action: QueuePause\r\nActionID: a-1\r\nInterface: Local/1001@agents/n\r\nQueue: sales\r\n\
                    Paused: true\r\nReason: 午饭\r\n\r\n";
    assert_eq!(sent(&pause(Some("sales"), "午饭"), &dialling(), &known).unwrap(), expected);
    let everywhere = "Action: QueuePause\r\nActionID: a-1\r\nInterface: Local/1001@agents/n\r\nPaused: true\r\n\r\n\
                      Action: QueuePause\r\nActionID: a-2\r\nInterface: PJSIP/1001\r\nPaused: true\r\n\r\n";
    assert_eq!(sent(&pause(None, ""), &dialling(), &known).unwrap(), everywhere);
    let elsewhere = sent(&pause(Some("complaints"), ""), &dialling(), &known);
    assert_eq!(elsewhere, Err(Unsendable::NoMember("complaints".into())));
}

#[test]
fn a_hangup_names_one_leg_and_no_pattern() {
    let hangup = |leg: &str| sent(&Request::Hangup { leg: leg.into() }, &dialling(), &[]);
    assert!(hangup("lab-1795293696.64").unwrap().contains("\r\nChannel: lab-1795293696.64\r\n"));
    assert_eq!(hangup("/^PJSIP/"), Err(Unsendable::Leg("/^PJSIP/".into())));
}

#[test]
fn listening_in_is_on_that_very_leg() {
    let sent = |on, how| sent(&spy(on, how), &dialling(), &[]);
    let expected = "Action: Originate\r\nActionID: a-1\r\nChannel: PJSIP/1010\r\nApplication: ChanSpy\r\n\
                    Data: lab-1795293696.64,uqES\r\nCallerID: 1001\r\nTimeout: 30000\r\n\
                    ChannelId: ringback-spy-7\r\nAsync: true\r\n\r\n";
    assert_eq!(sent("lab-1795293696.64", Spying::Listen).unwrap(), expected);
    assert!(sent("lab-1795293696.64", Spying::Whisper).unwrap().contains(",uqESw\r\n"));
    assert!(sent("lab-1795293696.64", Spying::Barge).unwrap().contains(",uqESB\r\n"));
    for hostile in ["1.2,qg(all)", "", "1.2 3", "${CHANNEL}", "/^PJSIP/", "1.2&1.3", "1.2@x"] {
        assert_eq!(sent(hostile, Spying::Listen), Err(Unsendable::Leg(hostile.into())), "{hostile:?}");
    }
}

#[test]
fn what_a_dial_string_could_read_otherwise_is_no_agent() {
    for name in ["", "1001&PJSIP/1002", "1001/x", "1001@x", "${EXTEN}", "1001,x", "1001\n"] {
        let refused = dialling().channel_of(&name.into());
        assert_eq!(refused, Err(Unsendable::Agent(name.into())));
    }
}

#[test]
fn ids_are_short_and_never_the_same() {
    let mut ids = ActionIds::new(u64::MAX);
    let first = ids.next();
    assert!(first.len() <= 64 && first != ids.next());
}

/// Requests that are tried, or as many as fit into [`WITHIN`]: a build for tests is slow.
const REQUESTS: u32 = 1_000_000;
const WITHIN: Duration = Duration::from_secs(10);

/// Whatever people and PBXes call things: exactly one action, of exactly these headers, each on a
/// line that Asterisk can read; or a refusal.
#[test]
fn nothing_breaks_out_of_its_line() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let begun = Instant::now();
    let (mut tried, mut went) = (0, 0);
    while tried < REQUESTS && begun.elapsed() < WITHIN {
        tried += 1;
        let dialling = Dialling {
            channel: "PJSIP/{agent}".into(),
            context: if dice.of(2) == 0 { "from-internal".into() } else { dice.text() },
            caller_id: Some(dice.text()).filter(|_| dice.of(2) == 0),
        };
        let agent: Extension = dice.text().as_str().into();
        let leg: LegId = dice.text().as_str().into();
        let queue = dice.text();
        let (request, headers): (Request, &[&str]) = match dice.of(5) {
            0 => match Dialable::new(&dice.text()) {
                Ok(to) => (
                    Request::Originate { agent, to, leg },
                    &["Channel", "Context", "Exten", "Priority", "CallerID", "Timeout", "ChannelId", "Async"],
                ),
                Err(_) => continue,
            },
            1 => (Request::Hangup { leg }, &["Channel"]),
            2 => {
                let (on, how) = (dice.text().as_str().into(), [Spying::Listen, Spying::Whisper, Spying::Barge]);
                let how = how[dice.of(3)];
                let spy = Request::Spy { spy: dice.text().as_str().into(), on, agent, how, leg };
                (spy, &["Channel", "Application", "Data", "CallerID", "Timeout", "ChannelId", "Async"])
            }
            3 => {
                let (queue, reason) = (Some(queue.as_str().into()), dice.text() + "x");
                let pause = Request::Pause { agent, queue, paused: dice.of(2) == 0, reason };
                (pause, &["Interface", "Queue", "Paused", "Reason"])
            }
            _ => {
                let pause = Request::Pause { agent, queue: None, paused: dice.of(2) == 0, reason: String::new() };
                (pause, &["Interface", "Paused"])
            }
        };
        let interface = dice.text();
        let known = [(queue.as_str(), interface.as_str())];
        let Ok(sent) = sent(&request, &dialling, &known) else { continue };
        went += 1;
        // As Asterisk reads it: a line ends at LF, one CR before it is dropped.
        let lines: Vec<&str> = sent.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
        let keys: Vec<&str> = lines.iter().map(|line| line.split(':').next().unwrap_or_default()).collect();
        let expected: Vec<&str> = ["Action", "ActionID"].into_iter().chain(headers.iter().copied()).collect();
        assert_eq!(keys, [&expected[..], &["", ""]].concat(), "{request:?} as {sent:?}");
        let breaks = |c: char| c.is_control() && c != '\r' && c != '\n' && !('\u{80}'..='\u{9f}').contains(&c);
        assert!(!sent.contains(breaks), "{request:?} as {sent:?}");
        assert!(lines.iter().all(|line| line.len() + 2 <= MAX_LINE), "{request:?}");
        assert_eq!(sent.matches('\r').count(), sent.matches('\n').count(), "{request:?} as {sent:?}");
        let channel = lines.iter().find_map(|line| line.strip_prefix("Channel: PJSIP/"));
        assert!(channel.is_none_or(|name| !name.contains(['&', ',', '/', '@', '$', '|', ' '])), "{sent:?}");
    }
    println!("{tried} requests, {went} of which went out, in {:?}", begun.elapsed());
    assert!(went > tried / 20, "only {went} of {tried} went out: what was refused proves little");
}

/// Numbers that look random and are the same each time (xorshift64).
struct Dice(u64);

impl Dice {
    fn of(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }

    /// Plain names mostly, and texts made of what could end a line or mean something to a dialplan.
    fn text(&mut self) -> String {
        const PARTS: [&str; 26] = [
            "\r",
            "\n",
            "\r\n",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
            "Action: Command",
            ": ",
            "1001",
            "&",
            ",",
            "/",
            "@",
            "${EXTEN}",
            "|",
            "王",
            "\t",
            "+",
            " ",
            "-",
            "Command: core stop now",
            "%0A",
            "\\n",
            "(",
            "\u{feff}",
        ];
        match self.of(8) {
            0..=3 => self.of(1_000_000).to_string(),
            4 => (0..self.of(12)).filter_map(|_| char::from_u32(self.of(0x3000) as u32)).collect(),
            5 | 6 => (0..self.of(8)).map(|_| PARTS[self.of(PARTS.len())]).collect(),
            _ => "x".repeat([1, 64, 65, 149, 150, 1000, 2000][self.of(7)]),
        }
    }
}
