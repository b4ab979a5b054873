//! Whether a FreeSWITCH can be reached and tells us what we need.
//!
//! Nothing is changed on the PBX: its lists are read, and an event of our own is sent through it,
//! which must come back.

mod talk;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use chrono::Utc;
use protocol::charset::text;
use protocol::esl::login::{LoginFailure, acl_lines};
use protocol::esl::snapshot::{column, rows};
use protocol::esl::survey::{List, refusal};
use protocol::event::plain_name;

use super::Finding;
use super::exchange::Cut;
use crate::config::FreeSwitch;
use crate::link::{Service, connect};
use talk::Talk;

/// What a link asks for; `json` wraps the lists of mod_callcenter.
const COMMANDS: [(&str, &str); 8] = [
    ("show", "see which calls are up after a reconnect"),
    ("uuid_exists", "tell calls that are gone from calls that are not listed yet"),
    ("json", "see queues, agents and callers"),
    ("callcenter_config", "pause agents"),
    ("originate", "call customers back at a click"),
    ("uuid_kill", "end a call"),
    ("version", "know what it talks with"),
    ("strmicroepoch", "notice that the PBX hangs, and compare clocks"),
];

/// FreeSWITCH's own configuration comes with it.
const WELL_KNOWN: &str = "ClueCon";

/// Clocks that differ by more make the PBX's own time stamps confusing to compare with ours.
const CLOCK_OFF_MS: i64 = 5_000;

pub async fn check(pbx: &FreeSwitch) -> Vec<Finding> {
    let connected = match connect(&pbx.address, Service::EventSocket).await {
        Ok(connected) => connected,
        Err(unreachable) => return vec![Finding::failed(unreachable.why, Vec::new())],
    };
    let from = connected.from;
    let mut findings = vec![reached(pbx, from)];
    let mut talk = match Talk::sign_in(connected.wire, pbx).await {
        Ok(talk) => talk,
        Err(failure) => {
            let lines = lines_for(&failure, pbx, from);
            let advice = failure.advice(pbx.username.as_deref().unwrap_or_default(), from);
            findings.push(Finding::failed(advice, lines));
            return findings;
        }
    };
    if let Err(cut) = look(pbx, from, &mut talk, &mut findings).await {
        findings.push(Finding::failed(format!("The conversation broke off: {cut}."), Vec::new()));
    }
    findings
}

async fn look(pbx: &FreeSwitch, from: Option<IpAddr>, talk: &mut Talk, findings: &mut Vec<Finding>) -> Result<(), Cut> {
    let version = talk.api("version").await?;
    let core = talk.api("global_getvar core_uuid").await?;
    findings.push(signed_in(&text(&version), text(&core).trim()));
    findings.extend(well_known(pbx));
    findings.push(rights(pbx, from, talk));
    let clock = talk.api("strmicroepoch").await?;
    findings.extend(clock_of(&text(&clock), Utc::now().timestamp_millis()));
    let queues = talk.api(List::Queues.command()).await?;
    let agents = talk.api(List::Agents.command()).await?;
    let tiers = talk.api(List::Tiers.command()).await?;
    findings.push(queues_known(&queues, &agents, &tiers));
    let channels = talk.api(List::Channels.command()).await?;
    findings.push(channels_listed(&channels));
    findings.push(heard(talk.subscribe().await?, talk).await?);
    Ok(())
}

fn reached(pbx: &FreeSwitch, from: Option<IpAddr>) -> Finding {
    let place = &pbx.address;
    if from.is_some_and(|from| from.is_loopback()) {
        return Finding::ok(format!("{place} is reached."));
    }
    Finding::warning(
        format!(
            "{place} is reached, but a FreeSWITCH's event socket has no TLS: whoever is on the path reads its password, \
             and names and numbers of all calls. Let Ringback run on the same machine, or go through a tunnel \
             (WireGuard, or SSH as here) and give host = \"127.0.0.1\"."
        ),
        vec![format!("ssh -N -L 8021:127.0.0.1:{} {}", place.port, place.host)],
    )
}

fn lines_for(failure: &LoginFailure, pbx: &FreeSwitch, from: Option<IpAddr>) -> Vec<String> {
    match failure {
        LoginFailure::NotPermitted => acl_lines(from).to_vec(),
        LoginFailure::Refused | LoginFailure::NoEvents(_) if pbx.username.is_some() => user_lines(pbx),
        LoginFailure::Refused => vec![PASSWORD.to_owned()],
        LoginFailure::NoEvents(_)
        | LoginFailure::ClosedWithoutGreeting
        | LoginFailure::ClosedInLogin
        | LoginFailure::Silent
        | LoginFailure::NotEsl(_)
        | LoginFailure::Said(_)
        | LoginFailure::Unsendable(_) => Vec::new(),
    }
}

/// Of `event_socket.conf.xml`.
const PASSWORD: &str = "<param name=\"password\" value=\"THE-SECRET-GIVEN-TO-RINGBACK\"/>";

/// A user of the directory who may do what a link needs and nothing else.
fn user_lines(pbx: &FreeSwitch) -> Vec<String> {
    let name = pbx.username.as_deref().unwrap_or("ringback").split('@').next().unwrap_or_default();
    let commands: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    vec![
        format!("<user id=\"{name}\"><params>"),
        "  <param name=\"esl-password\" value=\"THE-SECRET-GIVEN-TO-RINGBACK\"/>".to_owned(),
        "  <param name=\"esl-allowed-events\" value=\"all\"/>".to_owned(),
        format!("  <param name=\"esl-allowed-api\" value=\"{}\"/>", commands.join(" ")),
        "</params></user>".to_owned(),
    ]
}

fn signed_in(version: &str, core: &str) -> Finding {
    let version = version.trim().strip_prefix("FreeSWITCH Version ").unwrap_or_default();
    let number = version.split(['-', '~', ' ']).next().filter(|number| !number.is_empty());
    let known = number.map(|number| format!(" {number}")).unwrap_or_default();
    let run = if core.starts_with('-') { String::new() } else { format!(", run {core}") };
    Finding::ok(format!("Signed in to FreeSWITCH{known}{run}."))
}

fn well_known(pbx: &FreeSwitch) -> Option<Finding> {
    (pbx.secret == WELL_KNOWN).then(|| {
        Finding::warning(
            "The event socket has the password that every FreeSWITCH comes with: whoever reaches the port owns the PBX. \
             Put another into event_socket.conf.xml and into our configuration, then `reload mod_event_socket`.",
            vec![PASSWORD.to_owned()],
        )
    })
}

/// A user is told what it may do when it signs in; the socket's own password permits everything.
fn rights(pbx: &FreeSwitch, from: Option<IpAddr>, talk: &Talk) -> Finding {
    let Some(username) = &pbx.username else {
        let text = "May ask for all that is needed, and for everything else: the socket's own password permits it all. A \
                    user in the directory can be given less; then set username = \"ringback@YOUR-DOMAIN\".";
        let finding = if from.is_some_and(|from| from.is_loopback()) {
            Finding::ok(text)
        } else {
            Finding::warning(text, Vec::new())
        };
        return Finding { lines: user_lines(pbx), ..finding };
    };
    let allowed: Vec<&str> = talk.allowed_api().split([' ', ',']).filter(|name| !name.is_empty()).collect();
    if allowed.contains(&"all") || allowed.is_empty() {
        return Finding::ok(format!("{username} may ask for all that is needed."));
    }
    let missing: Vec<String> = COMMANDS
        .iter()
        .filter(|(command, _)| !allowed.contains(command))
        .map(|(command, why)| format!("{command} (to {why})"))
        .collect();
    if missing.is_empty() {
        return Finding::ok(format!("{username} may ask for all that is needed."));
    }
    let text = format!("{username} may not ask for {}; then run `reloadxml` on the PBX.", missing.join(", "));
    let blind = ["show", "json", "uuid_exists"].iter().any(|command| !allowed.contains(command));
    if blind { Finding::failed(text, user_lines(pbx)) } else { Finding::warning(text, user_lines(pbx)) }
}

fn clock_of(micros: &str, ours_ms: i64) -> Option<Finding> {
    let theirs_ms = micros.trim().parse::<i64>().ok()? / 1000;
    let ahead_ms = theirs_ms - ours_ms;
    Some(if ahead_ms.abs() > CLOCK_OFF_MS {
        Finding::warning(format!("The PBX's clock is {ahead_ms} ms ahead of ours: run NTP on both."), Vec::new())
    } else {
        Finding::ok(format!("The PBX's clock is {ahead_ms} ms ahead of ours."))
    })
}

fn queues_known(queues: &[u8], agents: &[u8], tiers: &[u8]) -> Finding {
    if let Some(said) = refusal(queues) {
        return Finding::failed(
            format!(
                "mod_callcenter does not answer ({said}), so there are no queues: put the line into modules.conf.xml and \
                 run `load mod_callcenter` on the PBX (fs_cli)."
            ),
            vec!["<load module=\"mod_callcenter\"/>".to_owned()],
        );
    }
    let queues = rows(queues).unwrap_or_default();
    let mut names: Vec<&str> = queues.iter().filter_map(|row| column(row, "name")).map(plain_name).collect();
    names.sort_unstable();
    if names.is_empty() {
        let text = "No queue is configured (callcenter.conf.xml): only direct calls will be seen.";
        return Finding::warning(text, Vec::new());
    }
    let count = |table: &[u8]| rows(table).unwrap_or_default().len();
    let (agents, tiers) = (count(agents), count(tiers));
    let text = format!("{} queues ({}) with {agents} agents in {tiers} places.", names.len(), names.join(", "));
    if tiers == 0 {
        Finding::warning(format!("{text} Nobody serves: add tiers."), Vec::new())
    } else {
        Finding::ok(text)
    }
}

fn channels_listed(channels: &[u8]) -> Finding {
    if let Some(said) = refusal(channels) {
        return Finding::failed(
            format!(
                "`show channels` is refused ({said}): which calls are up after a reconnect cannot be seen. See that \
                 FreeSWITCH does not run with -nosql, and that our user may ask for `show`."
            ),
            Vec::new(),
        );
    }
    match rows(channels) {
        Some(rows) => Finding::ok(format!("{} channels are up, and are listed.", rows.len())),
        None => Finding::failed("`show channels as json` gave no list of channels.", Vec::new()),
    }
}

/// `subscribed`: in whose words the subscription was refused, if it was.
async fn heard(subscribed: Result<(), String>, talk: &mut Talk) -> Result<Finding, Cut> {
    let lines = vec!["<param name=\"esl-allowed-events\" value=\"all\"/>".to_owned()];
    if let Err(said) = subscribed {
        let text = format!("The PBX shows us no events ({said}): give our user the line below, then run `reloadxml`.");
        return Ok(Finding::failed(text, lines));
    }
    Ok(match talk.echo().await? {
        true => Finding::ok("Events reach us: one of our own came back."),
        false => Finding::failed(
            "No event reaches us: one of our own, sent through the PBX, did not come back. See that the PBX is not \
             overloaded, and that our user may see events.",
            lines,
        ),
    })
}
