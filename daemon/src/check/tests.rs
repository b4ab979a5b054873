use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::link::peer::next_action;
use crate::link::tests::pbx;
use crate::simulator::{Server, Simulation};

const ALL: &str = "Ping CoreSettings CoreStatus CoreShowChannels QueueStatus QueuePause Originate Hangup UserEvent";

/// An Asterisk whose user may do `may`, and hears events of `reads`.
struct Wired {
    version: &'static str,
    may: String,
    reads: &'static str,
    login: &'static str,
    /// Whether app_chanspy is loaded.
    spies: bool,
}

impl Default for Wired {
    fn default() -> Self {
        Wired { version: "22.10.0", may: ALL.to_owned(), reads: "system,user", login: "Success", spies: true }
    }
}

impl Wired {
    async fn check(self) -> Vec<Finding> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pbx = pbx(listener.local_addr().unwrap().port());
        let served: JoinHandle<()> = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            self.serve(stream).await;
        });
        let findings = check(&pbx, None).await;
        served.await.unwrap();
        findings
    }

    async fn serve(self, mut stream: TcpStream) {
        let (reader, mut writer) = stream.split();
        writer.write_all(b"Asterisk Call Manager/11.0.0\r\n").await.unwrap();
        let mut lines = BufReader::new(reader).lines();
        while let Some((action, id)) = next_action(&mut lines).await {
            let reply = self.reply(&action, &id).replace('\n', "\r\n");
            writer.write_all(reply.as_bytes()).await.unwrap();
            if action == "Login" && self.login != "Success" {
                return;
            }
        }
    }

    fn reply(&self, action: &str, id: &str) -> String {
        let success = format!("Response: Success\nActionID: {id}\n");
        let reads = |class: &str| self.reads.split(',').any(|read| read == class);
        match action {
            "Challenge" => success + "Challenge: 5\n\n",
            "Login" if self.login != "Success" => {
                format!("Response: Error\nActionID: {id}\nMessage: {}\n\n", self.login)
            }
            "Login" if reads("system") => success + "\nEvent: FullyBooted\nPrivilege: system,all\n\n",
            "CoreSettings" => format!("{success}AsteriskVersion: {}\n\n", self.version),
            "ListCommands" => {
                let lines = self.may.split(' ').map(|name| format!("{name}: About it.  (Priv: <none>)\n"));
                success + &lines.collect::<String>() + "\n"
            }
            "QueueStatus" => format!(
                "{success}EventList: start\n\nEvent: QueueParams\nQueue: support\nActionID: {id}\n\n\
                 Event: QueueMember\nQueue: support\nLocation: PJSIP/1001\nActionID: {id}\n\n\
                 Event: QueueStatusComplete\nActionID: {id}\nEventList: Complete\nListItems: 2\n\n"
            ),
            "ModuleCheck" if !self.spies => format!("Response: Error\nActionID: {id}\nMessage: Module not loaded\n\n"),
            "UserEvent" if reads("user") => {
                success + "\nEvent: UserEvent\nPrivilege: user,all\nUserEvent: RingbackCheck\nActionID: 1\n\n"
            }
            _ => success + "\n",
        }
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
    with(&findings, "Signed in to Asterisk 22.10.0, AMI 11.0.0");
    with(&findings, "1 queues (support) with 1 members");
    assert_eq!(with(&findings, "write time-out").lines, ["[ringback]", "writetimeout = 10000"]);
}

#[tokio::test]
async fn missing_rights_are_named_with_the_line_that_gives_them() {
    let may = ALL.replace("Originate ", "").replace("CoreShowChannels ", "");
    let findings = Wired { may, reads: "system", ..Wired::default() }.check().await;
    let asking = with(&findings, "Originate (originate");
    assert_eq!(asking.state, FindingState::Failed);
    assert!(asking.text.contains("CoreShowChannels (reporting"));
    assert!(asking.lines.contains(&WRITE.to_owned()));
    let hearing = with(&findings, "eventfilter");
    assert_eq!((hearing.state, hearing.lines), (FindingState::Failed, vec!["[ringback]".into(), READ.into()]));

    let findings = Wired { reads: "user", ..Wired::default() }.check().await;
    assert_eq!(with(&findings, "FullyBooted").state, FindingState::Warning);
}

#[tokio::test]
async fn too_many_rights_an_old_version_and_no_queues_are_told() {
    let may = ALL.replace("QueueStatus ", "") + " Command";
    let findings = Wired { may, version: "18.9-cert3", ..Wired::default() }.check().await;
    assert_eq!(with(&findings, "class command").state, FindingState::Warning);
    assert_eq!(with(&findings, "loses parts of packets").state, FindingState::Warning);
    assert_eq!(with(&findings, "app_queue is not loaded").state, FindingState::Failed);
}

#[tokio::test]
async fn whether_anybody_can_listen_in_is_told_or_how_to_see_it() {
    let unseen = with(&Wired::default().check().await, "app_chanspy");
    assert_eq!(
        (unseen.state, &*unseen.lines),
        (FindingState::Ok, &["asterisk -rx 'module show like app_chanspy'".into()][..])
    );
    for (spies, state) in [(true, FindingState::Ok), (false, FindingState::Warning)] {
        let may = format!("{ALL} ModuleCheck");
        let seen = with(&Wired { may, spies, ..Wired::default() }.check().await, "app_chanspy");
        assert_eq!((seen.state, seen.text.contains("not loaded")), (state, !spies));
    }
}

#[tokio::test]
async fn a_refused_login_ends_it_with_the_whole_section_to_paste() {
    let findings = Wired { login: "Authentication failed", ..Wired::default() }.check().await;
    let refused = findings.last().unwrap();
    assert_eq!(refused.state, FindingState::Failed);
    assert_eq!(refused.lines[0], "[ringback]");
    assert!(refused.lines.contains(&"permit = 127.0.0.1/255.255.255.255".to_owned()));
    assert!(refused.lines.iter().all(|line| !line.contains("s3cret")), "our secret is not shown");
}

#[tokio::test]
async fn nobody_there_is_one_finding() {
    let findings = check(&pbx(1), None).await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].state, FindingState::Failed);
}

#[tokio::test]
async fn the_simulated_asterisk_is_wired_well() {
    let simulation = Simulation { secret: "s3cret".into(), username: "ringback".into(), ..Simulation::drill(1.0, 7) };
    let server = Server::bind(simulation, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let pbx = pbx(server.address().unwrap().port());
    let stop = CancellationToken::new();
    let served = tokio::spawn(server.run(stop.clone()));
    let findings = check(&pbx, None).await;
    assert!(findings.iter().all(|finding| finding.state == FindingState::Ok), "{findings:#?}");
    stop.cancel();
    served.await.unwrap();
}

#[test]
fn versions_that_lose_parts_are_known() {
    for (version, loses) in [
        ("16.25.2", true),
        ("16.26.0", false),
        ("17.9.4", true),
        ("18.11.1", true),
        ("18.12.0", false),
        ("19.3.3", true),
    ] {
        assert_eq!(loses_parts(version), loses, "{version}");
    }
    assert!(!loses_parts("22.10.0") && !loses_parts("20.0.0") && !loses_parts("GIT-master") && !loses_parts("22"));
}
