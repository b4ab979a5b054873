//! Whether a PBX that connects to us can: where we listen, by what certificate, and whether a sender
//! is there; with the line that it has to say first.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use chrono::Utc;
use protocol::native::client::check_hello;
use protocol::native::codec::{Line, Lines};
use protocol::native::wire::FromUs;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::Finding;
#[cfg(test)]
use super::FindingState;
use crate::config::{Address, Native, NativeListen, Tls};
use crate::link::{Service, certificates, connect};
use crate::{PbxName, Time};

/// The daemon is on this machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A certificate that ends sooner should be renewed now.
const RENEW_DAYS: i64 = 14;

pub async fn check(pbx: &PbxName, native: &Native, listen: Option<&NativeListen>) -> Vec<Finding> {
    let Some(listen) = listen else {
        return vec![Finding::failed("There is no [native] table that says where we listen.", Vec::new())];
    };
    let at = listen.listen;
    let mut findings = Vec::new();
    match (&listen.tls, listen.listen.ip().is_loopback()) {
        (Some(tls), _) => match certificates::server_config(tls).and_then(|_| certificates::chain(tls)) {
            Ok(chain) => findings.push(certificate(&chain[0], Utc::now())),
            Err(error) => return vec![Finding::failed(format!("{error:#}."), Vec::new())],
        },
        (None, true) => {}
        (None, false) => findings.push(Finding::warning(
            "Without TLS, whoever is on the path reads the token, and names and numbers of all calls.",
            ["[native]", "tls = { cert_file = \"ringback.pem\", key_file = \"ringback.key\" }"]
                .map(String::from)
                .to_vec(),
        )),
    }
    findings.push(match TcpListener::bind(at).await {
        Ok(_) => Finding::warning(
            format!("The daemon does not run; {at} is free for it. The sender connects there and says first:"),
            first_line(pbx),
        ),
        Err(error) if error.kind() == ErrorKind::AddrInUse => answered(pbx, at, ask(native, listen).await),
        Err(error) => Finding::failed(
            format!("We cannot listen on {at} ({error}); choose another address, with listen in [native]."),
            Vec::new(),
        ),
    });
    findings
}

fn answered(pbx: &PbxName, at: SocketAddr, answer: Result<FromUs, String>) -> Finding {
    match answer {
        Ok(FromUs::Welcome { connected: None, .. }) => Finding::warning(
            format!("The daemon listens on {at} and knows the token. No sender is connected; it says first:"),
            first_line(pbx),
        ),
        Ok(FromUs::Welcome { last_seq, connected: Some(sender), .. }) => Finding::ok(format!(
            "The daemon listens on {at}. A sender is connected: {sender}; its line {last_seq} is kept."
        )),
        Ok(FromUs::Error { reason, .. }) => Finding::failed(
            format!("The daemon on {at} does not let this PBX in: {reason}. Was it started with this configuration?"),
            Vec::new(),
        ),
        Ok(_) => Finding::failed(format!("What answers on {at} is no ringback."), Vec::new()),
        Err(why) => Finding::failed(
            format!("{at} is taken by something that is no ringback ({why}); choose another, with listen in [native]."),
            Vec::new(),
        ),
    }
}

/// From when until when the certificate can be used.
fn certificate(der: &[u8], now: Time) -> Finding {
    let Some((from, to)) = validity(der) else {
        return Finding::warning("The certificate's dates cannot be read.", Vec::new());
    };
    let until = to.format("%Y-%m-%d");
    if now < from {
        return Finding::failed(
            format!("The certificate is not valid before {}.", from.format("%Y-%m-%d")),
            Vec::new(),
        );
    }
    if now > to {
        return Finding::failed(
            format!("The certificate ended on {until}: senders that look will not connect."),
            Vec::new(),
        );
    }
    let text = format!("The certificate is valid until {until}; a new one is read at the next start.");
    if (to - now).num_days() < RENEW_DAYS { Finding::warning(text, Vec::new()) } else { Finding::ok(text) }
}

/// What the sender has to say.
fn first_line(pbx: &PbxName) -> Vec<String> {
    vec![format!(
        "{{\"type\":\"hello\",\"version\":1,\"token\":\"THE-TOKEN-GIVEN-TO-RINGBACK\",\"pbx\":\"{pbx}\",\
         \"source\":\"A-NEW-NAME-EACH-START\",\"boot\":\"1\"}}"
    )]
}

/// Says hello as a sender would that only asks.
async fn ask(native: &Native, listen: &NativeListen) -> Result<FromUs, String> {
    let tls = listen.tls.as_ref().map(certificates::chain).transpose().map_err(|error| format!("{error:#}"))?;
    // Whether others trust the certificate is for them to say; that it is ours is enough here.
    let tls = tls.map(|chain| Tls::Fingerprint(Sha256::digest(&chain[0]).into()));
    let at = here(listen.listen);
    let place = Address { host: at.ip().to_string(), port: at.port(), tls };
    let asked = async {
        let mut wire = connect(&place, Service::Ringback).await.map_err(|unreachable| unreachable.why)?.wire;
        wire.write_all(&check_hello(&native.token, Utc::now())?).await.map_err(|error| error.to_string())?;
        wire.flush().await.map_err(|error| error.to_string())?;
        let (mut lines, mut buffer) = (Lines::default(), BytesMut::new());
        loop {
            if let Some(line) = lines.next(&mut buffer) {
                let Line::Whole(line) = line else { return Err("it says too much".to_owned()) };
                return serde_json::from_slice(&line).map_err(|error| error.to_string());
            }
            if wire.read_buf(&mut buffer).await.map_err(|error| error.to_string())? == 0 {
                return Err("it closed the connection".to_owned());
            }
        }
    };
    timeout(ANSWER_WITHIN, asked).await.unwrap_or_else(|_| Err("no answer within 5 s".to_owned()))
}

/// Where to reach what listens there.
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The dates of a certificate in DER (RFC 5280, 4.1): within the certificate, within what is signed,
/// after version, serial, algorithm and issuer.
fn validity(der: &[u8]) -> Option<(Time, Time)> {
    let (_, certificate, _) = element(der)?;
    let (_, mut rest, _) = element(certificate)?;
    if *rest.first()? == 0xa0 {
        rest = element(rest)?.2;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, dates, _) = element(rest)?;
    let (kind, from, rest) = element(dates)?;
    let (other, to, _) = element(rest)?;
    Some((moment(kind, from)?, moment(other, to)?))
}

/// Tag, content, and what follows.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `UTCTime`, whose years are 1950 to 2049, or `GeneralizedTime`.
fn moment(tag: u8, text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?;
    let whole = match tag {
        0x17 => format!("{}{text}", if text < "5" { "20" } else { "19" }),
        0x18 => text.to_owned(),
        _ => return None,
    };
    chrono::NaiveDateTime::parse_from_str(&whole, "%Y%m%d%H%M%SZ").ok().map(|at| at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dates_of_a_certificate_are_read() {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2051, 3, 4);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let (from, to) = validity(certificate.der()).unwrap();
        assert_eq!(
            (from.to_rfc3339(), to.to_rfc3339()),
            ("2026-01-02T00:00:00+00:00".into(), "2051-03-04T00:00:00+00:00".into())
        );
        let found = |at: Time| super::certificate(certificate.der(), at).state;
        assert_eq!(found(from + chrono::TimeDelta::days(3)), FindingState::Ok);
        assert_eq!(found(to - chrono::TimeDelta::days(3)), FindingState::Warning);
        assert_eq!(found(to + chrono::TimeDelta::days(3)), FindingState::Failed);
        assert_eq!(found(from - chrono::TimeDelta::days(3)), FindingState::Failed);
        // Never more than what there is.
        for end in 0..certificate.der().len() {
            let _ = validity(&certificate.der()[..end]);
        }
    }
}
