use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::check::FindingState;
use crate::config::Address;

/// A FreeSWITCH that answers so.
struct Wired {
    /// What it greets with, and its answer to the login.
    greeting: &'static str,
    login: &'static str,
    allowed: &'static str,
    queues: &'static str,
    channels: &'static str,
    events: &'static str,
    echoes: bool,
    clock_off_ms: i64,
    username: Option<&'static str>,
    secret: &'static str,
}

impl Default for Wired {
    fn default() -> Self {
        Wired {
            greeting: "Content-Type: auth/request\n\n",
            login: "+OK accepted",
            allowed: "",
            queues: r#"{"status":"success","response":[{"name":"support@default"},{"name":"complaints@default"}]}"#,
            channels: r#"{"row_count":0}"#,
            events: "+OK event listener enabled json",
            echoes: true,
            clock_off_ms: 0,
            username: None,
            secret: "s3cret",
        }
    }
}

impl Wired {
    async fn check(self) -> Vec<Finding> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let pbx = pbx(port, self.username, self.secret);
        let served: JoinHandle<()> = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            self.serve(stream).await;
        });
        let findings = check(&pbx).await;
        served.await.unwrap();
        findings
    }

    async fn serve(self, mut stream: TcpStream) {
        stream.write_all(self.greeting.as_bytes()).await.unwrap();
        let (mut read, mut text) = ([0; 4096], String::new());
        while let Ok(bytes) = stream.read(&mut read).await
            && bytes > 0
        {
            text.push_str(std::str::from_utf8(&read[..bytes]).unwrap());
            while let Some((command, rest)) = text.split_once("\n\n") {
                let reply = self.reply(command);
                text = rest.to_owned();
                stream.write_all(reply.as_bytes()).await.unwrap();
                if reply.contains("-ERR invalid") {
                    return;
                }
            }
        }
    }

    fn reply(&self, command: &str) -> String {
        let reply = |said: &str| format!("Content-Type: command/reply\nReply-Text: {said}\n{}\n", self.allowed);
        let answer = |said: &str| format!("Content-Type: api/response\nContent-Length: {}\n\n{said}", said.len());
        match command {
            _ if command.contains("auth ") => reply(self.login),
            _ if command.starts_with("event ") => reply(self.events),
            _ if command.starts_with("sendevent CUSTOM\nEvent-Subclass: ") => {
                let event = r#"{"Event-Name":"CUSTOM","Event-Subclass":"ringback-check"}"#;
                let came = format!("Content-Length: {}\nContent-Type: text/event-json\n\n{event}", event.len());
                reply("+OK 1") + if self.echoes { &came } else { "" }
            }
            "api version" => answer("FreeSWITCH Version 1.10.12-release~64bit (-release 64bit)\n"),
            "api global_getvar core_uuid" => answer("58619c2d-b441-4bfa-a875-3aec7135c6c0"),
            "api strmicroepoch" => answer(&((Utc::now().timestamp_millis() + self.clock_off_ms) * 1000).to_string()),
            "api show channels as json" => answer(self.channels),
            _ if command.contains("queue list") => answer(self.queues),
            _ => answer(r#"{"status":"success","response":[{"name":"1001@default","agent":"1001@default"}]}"#),
        }
    }
}

fn pbx(port: u16, username: Option<&str>, secret: &str) -> FreeSwitch {
    FreeSwitch {
        address: Address { host: "127.0.0.1".into(), port, tls: None },
        username: username.map(str::to_owned),
        secret: secret.into(),
        originate_channel: "user/{agent}".into(),
        originate_context: "default".into(),
        originate_caller_id: None,
    }
}

fn with(findings: &[Finding], part: &str) -> Finding {
    let found: Vec<&Finding> = findings.iter().filter(|finding| finding.text.contains(part)).collect();
    assert_eq!(found.len(), 1, "{part}: {findings:#?}");
    found[0].clone()
}

#[tokio::test]
async fn a_pbx_that_is_wired_well() {
    let findings = Wired::default().check().await;
    assert!(findings.iter().all(|finding| finding.state == FindingState::Ok), "{findings:#?}");
    with(&findings, "Signed in to FreeSWITCH 1.10.12, run 58619c2d");
    with(&findings, "2 queues (complaints, support) with 1 agents in 1 places");
    with(&findings, "one of our own came back");
    let user = with(&findings, "user in the directory");
    assert!(user.lines.join("\n").contains("esl-allowed-api"), "{user:?}");
    assert!(user.lines.iter().all(|line| !line.contains("s3cret")), "our secret is not shown");
}

#[tokio::test]
async fn missing_rights_are_named_with_the_lines_that_give_them() {
    let allowed = "Allowed-Events: all\nAllowed-API: show json uuid_exists version strmicroepoch callcenter_config\n";
    let findings = Wired { allowed, username: Some("ringback@pbx.example"), ..Wired::default() }.check().await;
    let asking = with(&findings, "originate (to call customers back");
    assert_eq!(asking.state, FindingState::Warning);
    assert!(asking.text.contains("uuid_kill") && !asking.text.contains("show ("));
    assert_eq!(asking.lines[0], "<user id=\"ringback\"><params>");

    let allowed = "Allowed-Events: all\nAllowed-API: version\n";
    let findings = Wired { allowed, username: Some("ringback@pbx.example"), ..Wired::default() }.check().await;
    assert_eq!(with(&findings, "show (to see which calls").state, FindingState::Failed);

    let findings = Wired { events: "-ERR permission denied", ..Wired::default() }.check().await;
    assert_eq!(with(&findings, "shows us no events").state, FindingState::Failed);
    let findings = Wired { echoes: false, ..Wired::default() }.check().await;
    let deaf = with(&findings, "did not come back");
    assert_eq!((deaf.state, deaf.lines.len()), (FindingState::Failed, 1));
}

#[tokio::test]
async fn no_queues_no_lists_a_known_password_and_a_wrong_clock_are_told() {
    let findings = Wired {
        queues: r#"{"status":"error","message":"Invalid request or non-existant command","response":null}"#,
        channels: "-ERR SQL disabled, no data available!\n",
        secret: "ClueCon",
        clock_off_ms: 60_000,
        ..Wired::default()
    }
    .check()
    .await;
    let queues = with(&findings, "mod_callcenter does not answer");
    assert_eq!((queues.state, queues.lines), (FindingState::Failed, vec!["<load module=\"mod_callcenter\"/>".into()]));
    assert_eq!(with(&findings, "-nosql").state, FindingState::Failed);
    assert_eq!(with(&findings, "every FreeSWITCH comes with").state, FindingState::Warning);
    assert_eq!(with(&findings, "run NTP").state, FindingState::Warning);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_what_to_paste() {
    let rejection = "Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n";
    let findings = Wired { greeting: rejection, ..Wired::default() }.check().await;
    let refused = findings.last().unwrap();
    assert_eq!(refused.state, FindingState::Failed);
    assert!(refused.lines[0].contains("127.0.0.1/32") && refused.lines[1].contains("apply-inbound-acl"), "{refused:?}");

    let findings = Wired { login: "-ERR invalid", ..Wired::default() }.check().await;
    assert_eq!(findings.last().unwrap().lines, [PASSWORD]);
    let findings = Wired { login: "-ERR invalid", username: Some("ringback@pbx"), ..Wired::default() }.check().await;
    assert!(findings.last().unwrap().lines.iter().any(|line| line.contains("esl-password")));
    let findings = Wired { greeting: "SSH-2.0-OpenSSH_9.6\r\n", ..Wired::default() }.check().await;
    assert!(findings.last().unwrap().text.contains("SSH-2.0-OpenSSH_9.6"));
}

#[tokio::test]
async fn nobody_there_is_one_finding() {
    let findings = check(&pbx(1, None, "x")).await;
    assert_eq!((findings.len(), findings[0].state), (1, FindingState::Failed));
    assert!(findings[0].text.contains("event_socket.conf.xml"), "{findings:?}");
}
