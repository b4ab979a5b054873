//! The PBX, which knows the truth: calls as scripts of moves, what it says of each move, and of all
//! that is up when it is asked.

use std::collections::BTreeMap;

use protocol::event::{BridgeKind, CallEvent, DialEnd, HangupBy, Leg, LegKind, LegSeen, LegState, Member, QueueLeft};

use super::hours::Ms;
use crate::LegId;

/// The lines of those who call: two of a customer, one of a key customer, and two that are
/// nobody's.
pub const LINES: [&str; 5] = ["+8613800138000", "+8613900139000", "+8613700137000", "+8613600136000", "+8613500135000"];

/// A line that does not say its number is the call's alone; they count from here.
pub const WITHHELD: usize = 1000;

/// Two PBXs, on which the same phones ring.
pub const PBXS: [&str; 2] = ["branch", "hq"];

/// The phones of the agents, and of a supervisor who takes calls too.
pub const PHONES: [&str; 3] = ["1001", "1002", "1003"];

/// One thing that happens in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Somebody calls; or an agent's phone dials the line.
    Starts,
    Queues(&'static str),
    /// The queue rings an agent's phone.
    Rings {
        phone: usize,
    },
    /// The agent, or the customer who is called, answers.
    Answers {
        phone: usize,
    },
    Holds,
    Resumes,
    /// The agent hands the caller on to another, who is there at once.
    Transfers {
        phone: usize,
    },
    Ends(End),
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After a talk.
    Talked,
    /// The caller hung up before.
    Abandoned,
    /// The queue sent the caller away.
    TimedOut,
    /// Who was called was busy, or did not take it.
    Busy,
    NoAnswer,
}

#[derive(Clone, Debug)]
pub struct TrueCall {
    /// Which PBX it is on.
    pub pbx: usize,
    pub root: LegId,
    pub is_ours: bool,
    pub line: usize,
    /// Who dialled, or is rung for it, or talks.
    pub phone: Option<usize>,
    pub queue: Option<(&'static str, Ms)>,
    pub since: Ms,
    pub is_rung: bool,
    pub talks: bool,
    pub is_over: bool,
    /// How often it was handed on.
    hops: u32,
}

#[derive(Default)]
pub struct Pbx {
    pub calls: BTreeMap<u64, TrueCall>,
    pub made: u64,
}

impl Pbx {
    /// A call that is to be; `leg` is ours where we asked for it.
    pub fn prepare(&mut self, pbx: usize, line: usize, dials: Option<usize>, leg: Option<LegId>) -> u64 {
        self.made += 1;
        let no = self.made;
        let call = TrueCall {
            pbx,
            root: leg.unwrap_or_else(|| format!("c{no}").as_str().into()),
            is_ours: dials.is_some(),
            line,
            phone: dials,
            queue: None,
            since: 0,
            is_rung: false,
            talks: false,
            is_over: true,
            hops: 0,
        };
        self.calls.insert(no, call);
        no
    }

    /// On one of them.
    pub fn up(&self, pbx: usize) -> impl Iterator<Item = (u64, &TrueCall)> {
        self.calls.iter().filter(move |(_, call)| !call.is_over && call.pbx == pbx).map(|(no, call)| (*no, call))
    }

    /// What the PBX says of the move.
    pub fn plays(&mut self, no: u64, what: Move, at: Ms) -> Vec<CallEvent> {
        let Some(call) = self.calls.get_mut(&no) else { return Vec::new() };
        let (root, second) = (call.root.clone(), second(no, call));
        match what {
            Move::Starts => {
                (call.since, call.is_over) = (at, false);
                match call.is_ours {
                    false => vec![CallEvent::LegStarted(Box::new(first(call)))],
                    true => vec![
                        CallEvent::LegStarted(Box::new(first(call))),
                        CallEvent::LegStarted(Box::new(other(no, call, LegState::Down))),
                        CallEvent::Dialled { by: Some(root), leg: second, to: Some(LINES[call.line].into()) },
                    ],
                }
            }
            Move::Queues(queue) => {
                call.queue = Some((queue, at));
                vec![CallEvent::CallerQueued { caller: root, queue: queue.into() }]
            }
            Move::Rings { phone } => {
                (call.phone, call.is_rung) = (Some(phone), true);
                let (queue, member) = (call.queue.map_or("", |queue| queue.0).into(), member(phone));
                vec![
                    CallEvent::LegStarted(Box::new(other(no, call, LegState::Down))),
                    CallEvent::AgentOffered { caller: Some(root.clone()), leg: Some(second.clone()), queue, member },
                    CallEvent::Dialled { by: Some(root), leg: second, to: None },
                ]
            }
            Move::Answers { phone } => {
                (call.phone, call.talks) = (Some(phone), true);
                let mut said = vec![
                    CallEvent::LegIs { leg: second.clone(), state: LegState::Up },
                    CallEvent::DialEnded { by: Some(root.clone()), leg: second.clone(), how: DialEnd::Answered },
                ];
                if let Some((queue, _)) = call.queue.take() {
                    let (caller, queue) = (root.clone(), queue.into());
                    said.push(CallEvent::CallerLeftQueue { caller, queue, how: QueueLeft::Served });
                }
                said.extend([joined(&second, no), joined(&root, no)]);
                said
            }
            Move::Holds => vec![CallEvent::Held { leg: agents_leg(no, call) }],
            Move::Resumes => vec![CallEvent::Resumed { leg: agents_leg(no, call) }],
            Move::Transfers { phone } => {
                call.hops += 1;
                call.phone = Some(phone);
                let then = self::second(no, call);
                vec![
                    CallEvent::LegStarted(Box::new(other(no, call, LegState::Down))),
                    CallEvent::LegIs { leg: then.clone(), state: LegState::Up },
                    joined(&then, no),
                    CallEvent::LeftBridge { leg: second.clone(), bridge: bridge(no), spot: None },
                    CallEvent::LegEnded { leg: second, cause: 16 },
                ]
            }
            Move::Ends(how) => {
                call.is_over = true;
                let has_second = call.is_ours || call.is_rung;
                let mut said = Vec::new();
                let (by, leg) = match how {
                    End::Abandoned => (HangupBy::Party, &root),
                    End::TimedOut => (HangupBy::Pbx, &root),
                    End::Busy | End::NoAnswer => (HangupBy::Party, if how == End::Busy { &second } else { &root }),
                    End::Talked => (HangupBy::Party, &second),
                };
                if let (Some((queue, _)), End::TimedOut) = (call.queue, how) {
                    let left = CallEvent::CallerLeftQueue {
                        caller: root.clone(),
                        queue: queue.into(),
                        how: QueueLeft::TimedOut,
                    };
                    said.push(left);
                }
                said.push(CallEvent::HangupAsked { leg: leg.clone(), by });
                if let (Some((queue, _)), End::Abandoned) = (call.queue, how) {
                    let left = CallEvent::CallerLeftQueue {
                        caller: root.clone(),
                        queue: queue.into(),
                        how: QueueLeft::HungUp,
                    };
                    said.push(left);
                }
                if call.is_ours && how != End::Talked {
                    let ended = if how == End::Busy { DialEnd::Busy } else { DialEnd::NoAnswer };
                    said.push(CallEvent::DialEnded { by: Some(root.clone()), leg: second.clone(), how: ended });
                }
                if how == End::Talked {
                    said.extend([&second, &root].map(|leg| CallEvent::LeftBridge {
                        leg: leg.clone(),
                        bridge: bridge(no),
                        spot: None,
                    }));
                }
                let cause = if how == End::Busy { 17 } else { 16 };
                said.extend(has_second.then_some(CallEvent::LegEnded { leg: second, cause }));
                said.push(CallEvent::LegEnded { leg: root, cause });
                said
            }
        }
    }

    /// All that is up.
    pub fn tells_all(&self, pbx: usize, at: Ms) -> Vec<CallEvent> {
        let mut said = vec![CallEvent::SnapshotBegan { boot: BOOT.into() }];
        for (_, call) in self.up(pbx) {
            if let Some((queue, since)) = call.queue {
                let waited_ms = (at - since).unsigned_abs();
                said.push(CallEvent::CallerSeen { caller: call.root.clone(), queue: queue.into(), waited_ms });
            }
        }
        for (no, call) in self.up(pbx) {
            let bridge = call.talks.then(|| (bridge(no), BridgeKind::Talk));
            let seen = |leg: Leg| {
                let up_ms = (at - call.since).unsigned_abs();
                CallEvent::LegSeen(Box::new(LegSeen { leg, bridge: bridge.clone(), queue: None, half_of: None, up_ms }))
            };
            let state = if call.talks { LegState::Up } else { LegState::Ringing };
            said.push(seen(first(call)));
            said.extend((call.is_ours || call.is_rung).then(|| seen(other(no, call, state))));
        }
        said.push(CallEvent::SnapshotEnded);
        said
    }
}

pub const BOOT: &str = "b1";

/// The agent's leg of a call that came, the outside party's of one that we made.
fn second(no: u64, call: &TrueCall) -> LegId {
    match call.hops {
        0 => format!("s{no}").as_str().into(),
        hops => format!("s{no}x{hops}").as_str().into(),
    }
}

fn bridge(no: u64) -> protocol::event::BridgeId {
    format!("b{no}").as_str().into()
}

/// Of which leg the agent's phone is an end.
fn agents_leg(no: u64, call: &TrueCall) -> LegId {
    if call.is_ours { call.root.clone() } else { second(no, call) }
}

fn joined(leg: &LegId, no: u64) -> CallEvent {
    let (leg, bridge, kind) = (leg.clone(), bridge(no), BridgeKind::Talk);
    CallEvent::JoinedBridge { leg, bridge, kind, instead_of: None, linked: None, spot: None }
}

fn member(phone: usize) -> Member {
    let interface = format!("PJSIP/{}", PHONES[phone]);
    Member { agent: PHONES[phone].into(), interface: interface.as_str().into() }
}

/// The leg that the call begins with.
fn first(call: &TrueCall) -> Leg {
    let (line, own) = (LINES.get(call.line).copied(), call.phone.map_or("", |phone| PHONES[phone]));
    let agents = format!("PJSIP/{own}");
    Leg {
        id: call.root.clone(),
        linked: Some(call.root.clone()),
        device: if call.is_ours { agents.as_str().into() } else { "PJSIP/trunk".into() },
        kind: LegKind::Device,
        state: if call.is_ours || call.talks { LegState::Up } else { LegState::Calling },
        number: if call.is_ours { Some(own.into()) } else { line.map(Into::into) },
        name: None,
        dialled: Some(if call.is_ours { line.unwrap_or_default().into() } else { "4008001234".into() }),
    }
}

/// The leg that is called for it.
fn other(no: u64, call: &TrueCall, state: LegState) -> Leg {
    let agents = format!("PJSIP/{}", call.phone.map_or("", |phone| PHONES[phone]));
    Leg {
        id: second(no, call),
        linked: Some(call.root.clone()),
        device: if call.is_ours { "PJSIP/trunk".into() } else { agents.as_str().into() },
        kind: LegKind::Device,
        state,
        number: call.is_ours.then(|| LINES[call.line].into()),
        name: None,
        dialled: None,
    }
}
