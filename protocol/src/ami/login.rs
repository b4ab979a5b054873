//! Signing in to an AMI: a small machine, and what can go wrong with it, told apart as far as the
//! wire tells it.

use std::fmt;
use std::net::IpAddr;

use md5::{Digest, Md5};

use super::codec::{Banner, Packet};
use super::fields::text;
use super::requests::{Action, ActionIds, Unsendable};
use crate::session::BackOff;

/// Who we are to the PBX: a `[username]` of `manager.conf`.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub secret: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, secret not shown)", self.username)
    }
}

/// Signs in by MD5 challenge, or with the plain secret where the PBX has no challenge to give.
#[derive(Debug)]
pub struct Login {
    credentials: Credentials,
    state: State,
    /// A greeting that no AMI gives; it counts once the rest goes wrong as well.
    strange_banner: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Greeting,
    Challenging(String),
    SigningIn(String),
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Waiting,
    /// Signed in; events flow from here on.
    In,
    Failed(LoginFailure),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginFailure {
    /// `Authentication failed`: Asterisk says the same of an unknown user, a wrong secret and an
    /// address that its ACL forbids (manager.c `authenticate`).
    Refused,
    /// The PBX itself said that our address or account is not permitted; Asterisk never does,
    /// proxies in front of it do.
    NotPermitted(String),
    /// `allowmultiplelogin = no` and the user is on: often our own last connection, whose end
    /// the PBX has not noticed yet.
    AlreadyInUse,
    /// Closed before a greeting: as many connections wait for their login as `authlimit` allows
    /// (manager.c `session_do`), or a firewall cuts us off.
    ClosedWithoutBanner,
    /// Closed after the greeting and before an answer to our login.
    ClosedInLogin,
    /// Connected, and nothing is said; Asterisk hangs up after its `authtimeout`.
    Silent,
    /// Greeted as something else.
    NotAmi(String),
    /// AMI 1.x, Asterisk 11 and before: other events altogether.
    TooOld(u32, u32),
    ShuttingDown,
    /// An answer not known to us.
    Said(String),
    /// Name or secret cannot be written in a line of the protocol.
    Unsendable(Unsendable),
}

impl Login {
    pub fn new(credentials: Credentials) -> Self {
        Login { credentials, state: State::Greeting, strange_banner: None }
    }

    /// The greeting; writes the first action into `send`.
    pub fn greeted(&mut self, banner: &Banner, ids: &mut ActionIds, send: &mut Vec<u8>) -> Progress {
        match banner.version {
            Some((major @ ..=1, minor, _)) => return Progress::Failed(LoginFailure::TooOld(major, minor)),
            Some(_) => {}
            None => self.strange_banner = Some(text(&banner.line).chars().take(80).collect()),
        }
        let id = ids.next();
        let action = Action::new("Challenge", &id).header("AuthType", "MD5");
        self.state = State::Challenging(id);
        action.map_or_else(Self::unsendable, |action| self.sent(action, send))
    }

    /// A reply; others than to our own actions are passed over.
    pub fn observe(&mut self, packet: &Packet, ids: &mut ActionIds, send: &mut Vec<u8>) -> Progress {
        let Some(result) = packet.response() else { return Progress::Waiting };
        let replied = packet.get(b"ActionID").unwrap_or_default();
        let success = result.eq_ignore_ascii_case(b"Success");
        match &self.state {
            State::Challenging(id) if id.as_bytes() == replied => {
                let challenge = packet.get(b"Challenge").filter(|challenge| success && !challenge.is_empty());
                if !success && said(packet) == LoginFailure::ShuttingDown {
                    return Progress::Failed(LoginFailure::ShuttingDown);
                }
                self.sign_in(challenge, ids, send)
            }
            State::SigningIn(id) if id.as_bytes() == replied => match success {
                true => Progress::In,
                false => Progress::Failed(said(packet)),
            },
            State::Greeting | State::Challenging(_) | State::SigningIn(_) => Progress::Waiting,
        }
    }

    /// The connection ended.
    pub fn closed(&mut self) -> LoginFailure {
        match (self.strange_banner.take(), &self.state) {
            (Some(greeting), _) => LoginFailure::NotAmi(greeting),
            (None, State::Greeting) => LoginFailure::ClosedWithoutBanner,
            (None, State::Challenging(_) | State::SigningIn(_)) => LoginFailure::ClosedInLogin,
        }
    }

    /// Nothing came for too long.
    pub fn timed_out(&mut self) -> LoginFailure {
        self.strange_banner.take().map_or(LoginFailure::Silent, LoginFailure::NotAmi)
    }

    fn sign_in(&mut self, challenge: Option<&[u8]>, ids: &mut ActionIds, send: &mut Vec<u8>) -> Progress {
        let id = ids.next();
        let action = Action::new("Login", &id).header("Username", &self.credentials.username);
        let action = action.and_then(|action| match challenge {
            Some(challenge) => action.header("AuthType", "MD5")?.header("Key", &self.key(challenge)),
            None => action.header("Secret", &self.credentials.secret),
        });
        self.state = State::SigningIn(id);
        match action.and_then(|action| action.header("Events", "on")) {
            Ok(action) => self.sent(action, send),
            Err(why) => Self::unsendable(why),
        }
    }

    /// Lower-case hex of MD5(challenge ++ secret).
    fn key(&self, challenge: &[u8]) -> String {
        let digest = Md5::new().chain_update(challenge).chain_update(&self.credentials.secret).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn sent(&self, action: Action, send: &mut Vec<u8>) -> Progress {
        action.write(send);
        Progress::Waiting
    }

    fn unsendable(why: Unsendable) -> Progress {
        Progress::Failed(LoginFailure::Unsendable(why))
    }
}

fn said(packet: &Packet) -> LoginFailure {
    let message = text(packet.get(b"Message").unwrap_or_default());
    let holds = |part: &str| message.to_ascii_lowercase().contains(part);
    if holds("authentication failed") {
        LoginFailure::Refused
    } else if holds("already in use") {
        LoginFailure::AlreadyInUse
    } else if holds("shutting down") {
        LoginFailure::ShuttingDown
    } else if holds("permission") || holds("permitted") || holds("acl") {
        LoginFailure::NotPermitted(message.into_owned())
    } else {
        LoginFailure::Said(message.into_owned())
    }
}

impl LoginFailure {
    /// What went wrong and what helps, for admins. `from` is our address as the PBX sees it.
    pub fn advice(&self, username: &str, from: Option<IpAddr>) -> String {
        let permit = permit_line(from);
        match self {
            Self::Refused => format!(
                "The PBX refused the login of {username:?}. It does not say whether the user, the secret or our \
                 address is wrong: compare [{username}] and its secret in manager.conf with ours, see that it has \
                 `{permit}`, then run `manager reload` on the PBX."
            ),
            Self::NotPermitted(said) => format!(
                "The PBX does not permit {username:?} to sign in from here ({said}): put `{permit}` under \
                 [{username}] in manager.conf, then run `manager reload` on the PBX."
            ),
            Self::AlreadyInUse => format!(
                "{username:?} is signed in already, and the PBX allows it once: most often it has not yet noticed \
                 that our last connection ended. If it stays so, give Ringback a user of its own, or set \
                 `allowmultiplelogin = yes` under [general] in manager.conf."
            ),
            Self::ClosedWithoutBanner => format!(
                "The PBX closed the connection without a greeting: too many connections wait there for their login \
                 (`authlimit = 50` under [general] in manager.conf), or a firewall or fail2ban bars our address{}.",
                from.map(|from| format!(" {from}")).unwrap_or_default()
            ),
            Self::ClosedInLogin => {
                "The PBX closed the connection before it had answered our login; its log says why.".to_owned()
            }
            Self::Silent => "The port is open, but nobody greets: it may be the TLS port (then give `tls` for this \
                             PBX), another service's, or the PBX hangs."
                .to_owned(),
            Self::NotAmi(greeting) => format!(
                "What answers there is no Asterisk Manager Interface; it greets with {greeting:?}. See that host and \
                 port are those of manager.conf (`port = 5038` under [general])."
            ),
            Self::TooOld(major, minor) => format!(
                "The PBX speaks AMI {major}.{minor}, so it is Asterisk 11 or older, whose events say too little. \
                 Ringback needs Asterisk 16 or newer."
            ),
            Self::ShuttingDown => "The PBX is shutting down.".to_owned(),
            Self::Said(said) => format!("The PBX refused our login with {said:?}."),
            Self::Unsendable(why) => format!("User name or secret cannot be sent: {why}."),
        }
    }

    /// What cannot mend itself is tried seldom: five refusals within ten minutes get an address
    /// barred where fail2ban runs with its defaults. What passes by itself is tried soon.
    pub fn back_off(&self) -> BackOff {
        match self {
            Self::Refused | Self::NotPermitted(_) | Self::Said(_) => BackOff::secs(60, 150, 600),
            Self::NotAmi(_) | Self::TooOld(..) | Self::Unsendable(_) => BackOff::secs(60, 150, 600),
            Self::AlreadyInUse => BackOff::secs(1, 4, 15),
            Self::ClosedWithoutBanner => BackOff::secs(10, 20, 60),
            Self::ClosedInLogin | Self::Silent => BackOff::secs(5, 10, 60),
            Self::ShuttingDown => BackOff::secs(1, 4, 15),
        }
    }
}

/// The line of `manager.conf` that lets us in, and nobody else.
pub fn permit_line(from: Option<IpAddr>) -> String {
    match from {
        Some(IpAddr::V4(address)) => format!("permit = {address}/255.255.255.255"),
        Some(IpAddr::V6(address)) => format!("permit = {address}/128"),
        None => "permit = OUR-ADDRESS/255.255.255.255".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio_util::codec::Decoder;

    use super::super::codec::{AmiCodec, Frame};
    use std::time::Duration;

    use super::*;

    /// `printf '%s' 123456789s3cret | md5sum`
    const KEY: &str = "d32b5714dd0e3ae70d4a845d5e524f3f";

    struct Driven {
        login: Login,
        ids: ActionIds,
    }

    impl Driven {
        fn new(secret: &str) -> Self {
            let credentials = Credentials { username: "cc".into(), secret: secret.into() };
            Driven { login: Login::new(credentials), ids: ActionIds::new(7) }
        }

        fn greet(&mut self, line: &str) -> (Progress, String) {
            let banner = match AmiCodec::default().decode(&mut BytesMut::from(format!("{line}\r\n").as_bytes())) {
                Ok(Some(Frame::Banner(banner))) => banner,
                other => panic!("{other:?}"),
            };
            let mut send = Vec::new();
            let progress = self.login.greeted(&banner, &mut self.ids, &mut send);
            (progress, String::from_utf8(send).unwrap())
        }

        fn hear(&mut self, packet: &str) -> (Progress, String) {
            let mut bytes = BytesMut::from(format!("{}\r\n\r\n", packet.replace('\n', "\r\n")).as_bytes());
            let Ok(Some(Frame::Packet(packet))) = AmiCodec::without_banner().decode(&mut bytes) else { panic!() };
            let mut send = Vec::new();
            let progress = self.login.observe(&packet, &mut self.ids, &mut send);
            (progress, String::from_utf8(send).unwrap())
        }
    }

    #[test]
    fn signs_in_by_challenge() {
        let mut driven = Driven::new("s3cret");
        let (progress, sent) = driven.greet("Asterisk Call Manager/11.0.0");
        assert_eq!(progress, Progress::Waiting);
        assert_eq!(sent, "Action: Challenge\r\nActionID: 7-1\r\nAuthType: MD5\r\n\r\n");
        let (_, sent) = driven.hear("Response: Success\nActionID: 7-1\nChallenge: 123456789");
        assert!(!sent.contains("s3cret"), "the secret itself is not sent");
        assert_eq!(
            sent,
            format!(
                "Action: Login\r\nActionID: 7-2\r\nUsername: cc\r\nAuthType: MD5\r\nKey: {KEY}\r\nEvents: on\r\n\r\n"
            )
        );
        assert_eq!(driven.hear("Event: FullyBooted\nActionID: 7-2").0, Progress::Waiting);
        assert_eq!(driven.hear("Response: Success\nActionID: other").0, Progress::Waiting);
        assert_eq!(driven.hear("Response: Success\nActionID: 7-2").0, Progress::In);
    }

    #[test]
    fn the_plain_secret_is_for_peers_without_a_challenge() {
        let mut driven = Driven::new("s3cret");
        driven.greet("Asterisk Call Manager/5.0.5");
        let (_, sent) = driven.hear("Response: Error\nActionID: 7-1\nMessage: Invalid/unknown command");
        assert!(sent.contains("\r\nSecret: s3cret\r\n") && !sent.contains("Key:"), "{sent}");
    }

    #[test]
    fn failures_are_told_apart() {
        let said = |message: &str| {
            let mut driven = Driven::new("x");
            driven.greet("Asterisk Call Manager/11.0.0");
            driven.hear("Response: Success\nActionID: 7-1\nChallenge: 1");
            driven.hear(&format!("Response: Error\nActionID: 7-2\nMessage: {message}")).0
        };
        assert_eq!(said("Authentication failed"), Progress::Failed(LoginFailure::Refused));
        assert_eq!(said("Login Already In Use"), Progress::Failed(LoginFailure::AlreadyInUse));
        assert_eq!(said("Asterisk is shutting down"), Progress::Failed(LoginFailure::ShuttingDown));
        assert!(matches!(said("Permission denied"), Progress::Failed(LoginFailure::NotPermitted(_))));
        assert!(matches!(said("no"), Progress::Failed(LoginFailure::Said(_))));

        assert_eq!(Driven::new("x").login.closed(), LoginFailure::ClosedWithoutBanner);
        assert_eq!(Driven::new("x").login.timed_out(), LoginFailure::Silent);
        let mut driven = Driven::new("x");
        assert_eq!(driven.greet("SSH-2.0-OpenSSH_9.6").0, Progress::Waiting, "a proxy may greet as it likes");
        assert_eq!(driven.login.closed(), LoginFailure::NotAmi("SSH-2.0-OpenSSH_9.6".into()));
        let mut driven = Driven::new("x");
        assert_eq!(driven.greet("Asterisk Call Manager/1.3").0, Progress::Failed(LoginFailure::TooOld(1, 3)));
        let mut driven = Driven::new("x");
        driven.greet("Asterisk Call Manager/11.0.0");
        assert_eq!(driven.login.closed(), LoginFailure::ClosedInLogin);
    }

    #[test]
    fn a_secret_cannot_forge_a_line() {
        let mut driven = Driven::new("x\r\nAction: Command");
        driven.greet("Asterisk Call Manager/11.0.0");
        let (progress, sent) = driven.hear("Response: Error\nActionID: 7-1");
        assert!(matches!(progress, Progress::Failed(LoginFailure::Unsendable(_))));
        assert_eq!(sent, "");
    }

    #[test]
    fn advice_holds_the_line_to_paste_and_refusals_wait() {
        let from = Some("10.0.0.5".parse().unwrap());
        assert!(LoginFailure::Refused.advice("cc", from).contains("permit = 10.0.0.5/255.255.255.255"));
        assert!(LoginFailure::Refused.back_off().least >= Duration::from_secs(30));
        assert!(LoginFailure::AlreadyInUse.back_off().most <= Duration::from_secs(30));
    }
}
