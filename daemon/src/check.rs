//! `ringback check`: whether a PBX can be reached and tells us what we need, and the lines that
//! mend what is wrong.
//!
//! Nothing is changed on the PBX: it is asked what our user may do (`ListCommands` lists only
//! that), and told one `UserEvent`, which must come back.

mod exchange;
mod freeswitch;
mod native;
mod talk;

use std::collections::BTreeSet;
use std::net::IpAddr;

use protocol::ami::codec::Packet;
use protocol::ami::fields::text;
use protocol::ami::login::permit_line;
use protocol::event::plain_name;

use crate::config::{Asterisk, NativeListen, Pbx, Wiring};
use crate::link::{Service, connect};
use talk::{SignedIn, Talk};

/// The rights that a link needs. `call`, `agent`: the events themselves; `system`: restarts and
/// reloads; `user`: so that this check can tell whether events come at all.
const READ: &str = "read = system,call,agent,user,reporting";
const WRITE: &str = "write = call,agent,user,reporting,originate";

/// The default of 100 ms makes Asterisk drop whoever has a moment's hitch (manager.c).
const WRITE_TIMEOUT: &str = "writetimeout = 10000";

/// The module by which somebody listens in.
const SPY: &str = "app_chanspy";

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub state: FindingState,
    /// What was found, for admins, in English.
    pub text: String,
    /// Exact lines for the PBX's `manager.conf`, where they would help.
    pub lines: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingState {
    Ok,
    Warning,
    Failed,
}

impl Finding {
    fn ok(text: impl Into<String>) -> Self {
        Finding { state: FindingState::Ok, text: text.into(), lines: Vec::new() }
    }

    fn warning(text: impl Into<String>, lines: Vec<String>) -> Self {
        Finding { state: FindingState::Warning, text: text.into(), lines }
    }

    fn failed(text: impl Into<String>, lines: Vec<String>) -> Self {
        Finding { state: FindingState::Failed, text: text.into(), lines }
    }
}

/// Connects once and looks at everything that a link needs; ends within a minute.
///
/// `listen` is where PBXs connect to us.
pub async fn check(pbx: &Pbx, listen: Option<&NativeListen>) -> Vec<Finding> {
    match &pbx.wiring {
        Wiring::Asterisk(asterisk) => check_asterisk(asterisk).await,
        Wiring::FreeSwitch(freeswitch) => freeswitch::check(freeswitch).await,
        Wiring::Native(native) => native::check(&pbx.name, native, listen).await,
    }
}

async fn check_asterisk(pbx: &Asterisk) -> Vec<Finding> {
    let mut findings = Vec::new();
    let connected = match connect(&pbx.address, Service::Manager).await {
        Ok(connected) => connected,
        Err(unreachable) => return vec![Finding::failed(unreachable.why, Vec::new())],
    };
    let from = connected.from;
    findings.push(reached(pbx, from));
    let mut talk = match Talk::sign_in(connected.wire, pbx).await {
        Ok(talk) => talk,
        Err(failure) => {
            let lines = user_lines(pbx, from);
            findings.push(Finding::failed(failure.advice(&pbx.username, from), lines));
            return findings;
        }
    };
    if let Err(cut) = look(pbx, from, &mut talk, &mut findings).await {
        findings.push(Finding::failed(format!("The conversation broke off: {cut}."), Vec::new()));
    }
    findings
}

async fn look(
    pbx: &Asterisk,
    from: Option<IpAddr>,
    talk: &mut Talk,
    findings: &mut Vec<Finding>,
) -> Result<(), exchange::Cut> {
    let settings = talk.ask("CoreSettings", &[]).await?;
    findings.push(signed_in(&settings, talk.signed_in()));
    let may: BTreeSet<String> =
        talk.ask("ListCommands", &[]).await?.fields().skip(1).map(|(action, _)| text(action).into_owned()).collect();
    let queues = match may.contains("QueueStatus") {
        true => Some(talk.list("QueueStatus").await?),
        false => None,
    };
    findings.push(queues_known(queues.as_deref()));
    findings.push(rights_to_ask(pbx, from, &may));
    findings.extend(rights_too_many(&may));
    let listens = match may.contains("ModuleCheck") {
        true => Some(talk.ask("ModuleCheck", &[("Module", SPY)]).await?.response() == Some(b"Success")),
        false => None,
    };
    findings.push(listening_in(listens));
    let echoed = match may.contains("UserEvent") {
        true => Some(talk.echo().await?),
        false => None,
    };
    findings.push(rights_to_hear(pbx, echoed, talk.signed_in()));
    let advice = format!("Its write time-out cannot be seen from here; see that [{}] has this line.", pbx.username);
    findings.push(Finding { lines: section(pbx, &[WRITE_TIMEOUT]), ..Finding::ok(advice) });
    Ok(())
}

fn reached(pbx: &Asterisk, from: Option<IpAddr>) -> Finding {
    let place = &pbx.address;
    if place.tls.is_some() {
        return Finding::ok(format!("{place} is reached, over TLS, by the certificate expected."));
    }
    if from.is_some_and(|from| from.is_loopback()) {
        return Finding::ok(format!("{place} is reached."));
    }
    let lines =
        ["[general]", "tlsenable = yes", "tlsbindaddr = 0.0.0.0:5039", "tlscertfile = /etc/asterisk/keys/asterisk.pem"];
    Finding::warning(
        format!("{place} is reached, but without TLS: whoever is on the path reads names and numbers of all calls."),
        lines.map(str::to_owned).to_vec(),
    )
}

fn signed_in(settings: &Packet, talk: &SignedIn) -> Finding {
    let ami = match talk.ami {
        Some((major, minor, patch)) => format!("AMI {major}.{minor}.{patch}"),
        None => "an unusual greeting".to_owned(),
    };
    let Some(version) = settings.get(b"AsteriskVersion").map(text) else {
        return Finding::ok(format!("Signed in, {ami}."));
    };
    let said = format!("Signed in to Asterisk {version}, {ami}");
    if loses_parts(&version) {
        let why = "this version loses parts of packets when the network is slow: upgrade to 16.26, 18.12, 20 or newer";
        return Finding::warning(format!("{said}; {why}."), vec![WRITE_TIMEOUT.to_owned()]);
    }
    Finding::ok(format!("{said}."))
}

/// Whether this is from before ASTERISK-29948 was fixed.
fn loses_parts(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => {
            major < 16
                || major == 17
                || [(16, 26), (18, 12), (19, 4)].iter().any(|&(m, fixed)| m == major && minor < fixed)
        }
        _ => false,
    }
}

fn queues_known(items: Option<&[Packet]>) -> Finding {
    let Some(items) = items else {
        return Finding::failed(
            "app_queue is not loaded, so there are no queues: `module load app_queue.so`, and see modules.conf.",
            Vec::new(),
        );
    };
    let of = |event: &[u8], key: &[u8]| -> BTreeSet<String> {
        let named = items.iter().filter(|item| item.event() == Some(event)).filter_map(|item| item.get(key));
        named.map(|name| plain_name(&text(name)).to_owned()).collect()
    };
    let (queues, members) = (of(b"QueueParams", b"Queue"), of(b"QueueMember", b"Location"));
    if queues.is_empty() {
        let text = "No queue is configured (queues.conf): only direct calls will be seen.";
        return Finding::warning(text, Vec::new());
    }
    let names: Vec<&str> = queues.iter().map(String::as_str).collect();
    Finding::ok(format!("{} queues ({}) with {} members.", names.len(), names.join(", "), members.len()))
}

/// `ListCommands` lists what the user may do, and no more (manager.c `action_listcommands`).
fn rights_to_ask(pbx: &Asterisk, from: Option<IpAddr>, may: &BTreeSet<String>) -> Finding {
    let needed = [
        ("CoreShowChannels", "reporting", "see which calls are up after a reconnect"),
        ("CoreStatus", "reporting", "notice restarts"),
        ("Originate", "originate", "call customers back at a click, and listen in"),
        ("QueuePause", "agent", "pause agents"),
        ("Hangup", "call", "end a call"),
    ];
    let missing: Vec<String> = needed
        .iter()
        .filter(|(action, ..)| !may.contains(*action))
        .map(|(action, class, why)| format!("{action} ({class}: to {why})"))
        .collect();
    if missing.is_empty() {
        return Finding::ok("May ask for all that is needed.");
    }
    let text = format!("[{}] may not {}.", pbx.username, missing.join(", "));
    let lines = user_lines(pbx, from);
    let blind = !may.contains("CoreShowChannels") || !may.contains("CoreStatus");
    if blind { Finding::failed(text, lines) } else { Finding::warning(text, lines) }
}

fn rights_too_many(may: &BTreeSet<String>) -> Option<Finding> {
    may.contains("Command").then(|| {
        Finding::warning(
            "Our user may run any command on the PBX (class command): whoever learns its secret owns the PBX. Ringback \
             does not need it.",
            vec![WRITE.to_owned()],
        )
    })
}

/// `loaded`: none when we may not ask; modules are seen by the class system alone, which could unload
/// them too (loader.c, manager.c).
fn listening_in(loaded: Option<bool>) -> Finding {
    match loaded {
        Some(true) => Finding::ok("app_chanspy is loaded: supervisors can listen in."),
        Some(false) => Finding::warning(
            "app_chanspy is not loaded, so nobody can listen in: `module load app_chanspy.so`, and see modules.conf.",
            Vec::new(),
        ),
        None => Finding {
            lines: vec![format!("asterisk -rx 'module show like {SPY}'")],
            ..Finding::ok(
                "Whether app_chanspy is loaded, by which supervisors listen in, cannot be seen with our user's rights; \
                 on the PBX this must name it:",
            )
        },
    }
}

/// `echoed`: whether our own `UserEvent` came back; none when we may not send one.
fn rights_to_hear(pbx: &Asterisk, echoed: Option<bool>, talk: &SignedIn) -> Finding {
    let lines = section(pbx, &[READ]);
    if echoed == Some(false) {
        return Finding::failed(
            format!(
                "No event reaches us: our own UserEvent did not come back. Give [{}] the classes below, and see that \
                 neither its `eventfilter` nor `disabledevents` under [general] hides events.",
                pbx.username
            ),
            lines,
        );
    }
    let seen = |class: &str| talk.classes.contains(class);
    let doubts: Vec<&str> = ["system", "call", "agent"].into_iter().filter(|class| !seen(class)).collect();
    if !seen("system") {
        let text = format!(
            "Events of the class system do not reach us (FullyBooted did not come), so restarts are noticed late; give \
             [{}] the classes below.",
            pbx.username
        );
        return Finding::warning(text, lines);
    }
    if doubts.is_empty() {
        return Finding::ok("Events of the classes system, call and agent reach us.");
    }
    let text = format!(
        "Events reach us. Nothing happened meanwhile that would show whether those of {} do: see that [{}] has this \
         line, or check again during a call.",
        doubts.join(" and "),
        pbx.username
    );
    Finding { lines, ..Finding::ok(text) }
}

/// All that our user needs.
fn user_lines(pbx: &Asterisk, from: Option<IpAddr>) -> Vec<String> {
    let permit = permit_line(from);
    section(
        pbx,
        &["secret = THE-SECRET-GIVEN-TO-RINGBACK", "deny = 0.0.0.0/0.0.0.0", &permit, READ, WRITE, WRITE_TIMEOUT],
    )
}

fn section(pbx: &Asterisk, lines: &[&str]) -> Vec<String> {
    std::iter::once(format!("[{}]", pbx.username)).chain(lines.iter().map(|line| line.to_string())).collect()
}

#[cfg(test)]
mod tests;
