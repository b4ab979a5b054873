//! Signing in to an event socket: a small machine, and what can go wrong with it, told apart as far
//! as the wire tells it.

use std::fmt;
use std::net::IpAddr;

use super::codec::{ContentType, Frame};
use crate::charset::text;
use crate::session::BackOff;

/// Who we are to the PBX.
#[derive(Clone)]
pub struct Credentials {
    /// `user@domain` of the directory, with its `esl-password`; none: whoever knows the password of
    /// `event_socket.conf.xml` may do everything.
    pub username: Option<String>,
    pub secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, secret not shown)", self.username.as_deref().unwrap_or("no user"))
    }
}

#[derive(Debug)]
pub struct Login {
    credentials: Credentials,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    SigningIn,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Waiting,
    In,
    Failed(LoginFailure),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// `-ERR invalid`: a wrong password, or no such user.
    Refused,
    /// `text/rude-rejection`: the access list forbids our address; without one, all but the PBX's
    /// own machine are forbidden (mod_event_socket.c `launch_listener`).
    NotPermitted,
    /// The user may not see the events that we need, in the PBX's words.
    NoEvents(String),
    /// Closed before a greeting.
    ClosedWithoutGreeting,
    /// Closed after the greeting and before an answer to our login.
    ClosedInLogin,
    /// Connected, and nothing is said.
    Silent,
    /// Greeted as something else.
    NotEsl(String),
    /// An answer not known to us.
    Said(String),
    /// What cannot be written in a line of the protocol.
    Unsendable(&'static str),
}

impl Login {
    pub fn new(credentials: Credentials) -> Self {
        Login { credentials, state: State::Greeting }
    }

    /// A frame of the other side; writes what is to be answered into `send`.
    pub fn observe(&mut self, frame: &Frame, send: &mut Vec<u8>) -> Progress {
        match (frame.content_type, self.state) {
            (ContentType::RudeRejection, _) => Progress::Failed(LoginFailure::NotPermitted),
            (ContentType::AuthRequest, State::Greeting) => match self.sign_in() {
                Ok(line) => {
                    send.extend_from_slice(line.as_bytes());
                    self.state = State::SigningIn;
                    Progress::Waiting
                }
                Err(why) => Progress::Failed(LoginFailure::Unsendable(why)),
            },
            (ContentType::CommandReply, State::SigningIn) => {
                let said = text(frame.get(b"Reply-Text").unwrap_or_default());
                if said.starts_with("+OK") {
                    Progress::In
                } else if said.starts_with("-ERR invalid") {
                    Progress::Failed(LoginFailure::Refused)
                } else {
                    Progress::Failed(LoginFailure::Said(said.into_owned()))
                }
            }
            (ContentType::DisconnectNotice, _) => Progress::Failed(self.closed()),
            (
                ContentType::AuthRequest
                | ContentType::CommandReply
                | ContentType::ApiResponse
                | ContentType::EventPlain
                | ContentType::EventJson,
                _,
            ) => Progress::Waiting,
        }
    }

    /// The peer is no event socket: this is how it greets.
    pub fn greeted_strangely(&self, line: &[u8]) -> LoginFailure {
        LoginFailure::NotEsl(text(line).chars().take(80).collect())
    }

    /// The connection ended.
    pub fn closed(&self) -> LoginFailure {
        match self.state {
            State::Greeting => LoginFailure::ClosedWithoutGreeting,
            State::SigningIn => LoginFailure::ClosedInLogin,
        }
    }

    /// Nothing came for too long.
    pub fn timed_out(&self) -> LoginFailure {
        LoginFailure::Silent
    }

    /// A user's name ends at its colon, and at its first at-sign the domain begins.
    fn sign_in(&self) -> Result<String, &'static str> {
        let Credentials { username, secret } = &self.credentials;
        if secret.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err("the secret holds a control character");
        }
        let Some(username) = username else { return Ok(format!("auth {secret}\n\n")) };
        let is_plain = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'@'))
        };
        match username.split_once('@') {
            Some((user, domain)) if is_plain(user) && is_plain(domain) => {
                Ok(format!("userauth {username}:{secret}\n\n"))
            }
            _ => Err("the user's name is not of the form user@domain"),
        }
    }
}

impl LoginFailure {
    /// What went wrong and what helps, for admins. `from` is our address as the PBX sees it.
    pub fn advice(&self, username: &str, from: Option<IpAddr>) -> String {
        match self {
            Self::Refused if username.is_empty() => {
                "The PBX refused the password: compare our secret with `password` in event_socket.conf.xml, then run \
                 `reload mod_event_socket` on the PBX (fs_cli)."
                    .to_owned()
            }
            Self::Refused => format!(
                "The PBX refused the login of {username:?}: see that the user is in the directory and has an \
                 `esl-password` that is our secret, then run `reloadxml` on the PBX (fs_cli)."
            ),
            Self::NotPermitted => format!(
                "The PBX's access list forbids our address{}: {}; then run `reloadacl` and `reload mod_event_socket` on \
                 the PBX (fs_cli).",
                from.map(|from| format!(" {from}")).unwrap_or_default(),
                acl_lines(from).join(" ")
            ),
            Self::NoEvents(said) => format!(
                "The PBX lets {username:?} in but shows it no events ({said}): take `esl-allowed-events` from the user \
                 in the directory, or let it be `all`; then run `reloadxml` on the PBX (fs_cli)."
            ),
            Self::ClosedWithoutGreeting => format!(
                "The PBX closed the connection without a greeting: a firewall bars our address{}, or the PBX is going \
                 down.",
                from.map(|from| format!(" {from}")).unwrap_or_default()
            ),
            Self::ClosedInLogin => {
                "The PBX closed the connection before it had answered our login; its log says why.".to_owned()
            }
            Self::Silent => {
                "The port is open, but nobody greets: it may be another service's, or the PBX hangs.".to_owned()
            }
            Self::NotEsl(greeting) => format!(
                "What answers there is no FreeSWITCH event socket; it greets with {greeting:?}. See that host and port \
                 are those of event_socket.conf.xml (`listen-port`, 8021)."
            ),
            Self::Said(said) => format!("The PBX refused our login with {said:?}."),
            Self::Unsendable(why) => format!("User name or secret cannot be sent: {why}."),
        }
    }

    /// What cannot mend itself is tried seldom: refusals fill the PBX's log, and some count them.
    pub fn back_off(&self) -> BackOff {
        match self {
            Self::Refused | Self::NotPermitted | Self::NoEvents(_) | Self::Said(_) => BackOff::secs(60, 150, 600),
            Self::NotEsl(_) | Self::Unsendable(_) => BackOff::secs(60, 150, 600),
            Self::ClosedWithoutGreeting => BackOff::secs(2, 5, 30),
            Self::ClosedInLogin | Self::Silent => BackOff::secs(5, 10, 60),
        }
    }
}

/// What lets us in, and nobody else: into `acl.conf.xml`, and into `event_socket.conf.xml`.
pub fn acl_lines(from: Option<IpAddr>) -> [String; 2] {
    let network = match from {
        Some(IpAddr::V4(address)) => format!("{address}/32"),
        Some(IpAddr::V6(address)) => format!("{address}/128"),
        None => "OUR-ADDRESS/32".to_owned(),
    };
    [
        format!(
            "<list name=\"ringback\" default=\"deny\"><node type=\"allow\" cidr=\"127.0.0.1/32\"/><node type=\"allow\" \
             cidr=\"{network}\"/></list>"
        ),
        "<param name=\"apply-inbound-acl\" value=\"ringback\"/>".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio_util::codec::Decoder;

    use super::super::codec::{EslCodec, Message};
    use super::*;

    fn login(username: Option<&str>, secret: &str) -> Login {
        Login::new(Credentials { username: username.map(str::to_owned), secret: secret.into() })
    }

    fn hear(login: &mut Login, bytes: &[u8]) -> (Progress, String) {
        let (mut codec, mut buffer) = (EslCodec::default(), BytesMut::from(bytes));
        let (mut progress, mut send) = (Progress::Waiting, Vec::new());
        while let (Progress::Waiting, Some(Message::Frame(frame))) = (&progress, codec.decode(&mut buffer).unwrap()) {
            progress = login.observe(&frame, &mut send);
        }
        (progress, String::from_utf8(send).unwrap())
    }

    const GREETING: &[u8] = b"Content-Type: auth/request\n\n";
    const ACCEPTED: &[u8] = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n";

    #[test]
    fn signs_in_by_the_password_alone_or_as_a_user() {
        let mut alone = login(None, "ClueCon 1");
        assert_eq!(hear(&mut alone, GREETING), (Progress::Waiting, "auth ClueCon 1\n\n".into()));
        assert_eq!(hear(&mut alone, ACCEPTED).0, Progress::In);
        let mut user = login(Some("ringback@pbx.example"), "s3cret:x");
        assert_eq!(hear(&mut user, GREETING).1, "userauth ringback@pbx.example:s3cret:x\n\n");
        let accepted =
            b"Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: all\nAllowed-API: show\n\n";
        assert_eq!(hear(&mut user, accepted).0, Progress::In);
    }

    #[test]
    fn failures_are_told_apart() {
        let recording = b"Content-Type: auth/request\n\nContent-Type: command/reply\nReply-Text: -ERR invalid\n\n\
            Content-Type: text/disconnect-notice\nContent-Length: 67\n\n";
        let failed = |bytes: &[u8]| match hear(&mut login(None, "x"), bytes).0 {
            Progress::Failed(failure) => failure,
            other => panic!("{other:?}"),
        };
        assert_eq!(failed(recording), LoginFailure::Refused);
        let rejection = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n";
        assert_eq!(failed(rejection), LoginFailure::NotPermitted);
        let other = b"Content-Type: auth/request\n\nContent-Type: command/reply\nReply-Text: -ERR busy\n\n";
        assert_eq!(failed(other), LoginFailure::Said("-ERR busy".into()));
        let farewell = b"Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n";
        assert_eq!(failed(farewell), LoginFailure::ClosedWithoutGreeting);

        let mut greeted = login(None, "x");
        hear(&mut greeted, GREETING);
        assert_eq!((greeted.closed(), greeted.timed_out()), (LoginFailure::ClosedInLogin, LoginFailure::Silent));
        assert_eq!(greeted.greeted_strangely(b"SSH-2.0"), LoginFailure::NotEsl("SSH-2.0".into()));
    }

    #[test]
    fn neither_secret_nor_name_can_forge_a_line() {
        for (username, secret) in [
            (None, "x\n\napi shutdown"),
            (None, "x\r"),
            (Some("a@b\n"), "x"),
            (Some("a@b c"), "x"),
            (Some("a"), "x"),
            (Some("@b"), "x"),
            (Some("a:b@c"), "x"),
            (Some("a@b@c"), "x"),
        ] {
            let (progress, sent) = hear(&mut login(username, secret), GREETING);
            assert!(matches!(progress, Progress::Failed(LoginFailure::Unsendable(_))), "{username:?} {secret:?}");
            assert_eq!(sent, "");
        }
    }

    #[test]
    fn advice_holds_the_lines_to_paste_and_refusals_wait() {
        let from = Some("10.0.0.5".parse().unwrap());
        let advice = LoginFailure::NotPermitted.advice("", from);
        for part in ["10.0.0.5/32", "apply-inbound-acl", "reloadacl"] {
            assert!(advice.contains(part), "{advice}");
        }
        assert!(LoginFailure::Refused.advice("", from).contains("event_socket.conf.xml"));
        assert!(LoginFailure::Refused.advice("ringback@pbx", from).contains("esl-password"));
        assert!(LoginFailure::Refused.back_off().least.as_secs() >= 30);
        assert!(LoginFailure::ClosedWithoutGreeting.back_off().most.as_secs() <= 30);
    }
}
