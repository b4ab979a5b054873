//! The other end of a link, in the bench's own process: lets the daemon in, says that nothing is
//! up, and then says what it is told to say.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::oneshot;

pub struct Asterisk {
    met: oneshot::Receiver<OwnedWriteHalf>,
}

/// One that has been asked what is up, and may speak.
pub struct Met {
    out: OwnedWriteHalf,
}

impl Asterisk {
    pub async fn listen() -> (Asterisk, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a port");
        let (say, met) = oneshot::channel();
        tokio::spawn(converse(listener, say));
        (Asterisk { met }, address)
    }

    pub async fn met(self) -> Met {
        Met { out: self.met.await.expect("the daemon asks what is up") }
    }
}

/// Answers one session until all has been asked that a link asks; then somebody else speaks.
async fn converse(listener: TcpListener, say: oneshot::Sender<OwnedWriteHalf>) {
    let (socket, _) = listener.accept().await.expect("the daemon");
    socket.set_nodelay(true).expect("a socket");
    let (read, mut out) = socket.into_split();
    out.write_all(b"Asterisk Call Manager/11.0.0\r\n").await.expect("a greeting");
    let mut lines = BufReader::new(read).lines();
    let (mut action, mut id) = (String::new(), String::new());
    let mut say = Some(say);
    let mut out = Some(out);
    while let Ok(Some(line)) = lines.next_line().await {
        match line.split_once(": ") {
            Some(("Action", name)) => action = name.to_owned(),
            Some(("ActionID", value)) => id = value.to_owned(),
            Some(_) => {}
            None => {
                let Some(mut socket) = out.take() else { continue };
                socket.write_all(answer(&action, &id).as_bytes()).await.expect("an answer");
                if action == "CoreShowChannels" {
                    let _ = say.take().expect("once").send(socket);
                } else {
                    out = Some(socket);
                }
            }
        }
    }
}

fn answer(action: &str, id: &str) -> String {
    match action {
        "Challenge" => format!("Response: Success\r\nActionID: {id}\r\nChallenge: 123456789\r\n\r\n"),
        "CoreSettings" => format!("Response: Success\r\nActionID: {id}\r\nAsteriskVersion: 22.10.0\r\n\r\n"),
        "CoreStatus" => format!(
            "Response: Success\r\nActionID: {id}\r\nCoreStartupDate: 2026-11-21\r\nCoreStartupTime: 20:37:13\r\n\r\n"
        ),
        "QueueStatus" | "BridgeList" | "CoreShowChannels" => format!(
            "Response: Success\r\nActionID: {id}\r\nEventList: start\r\nMessage: will follow\r\n\r\n\
             Event: {action}Complete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: 0\r\n\r\n"
        ),
        _ => format!("Response: Success\r\nActionID: {id}\r\nMessage: Authentication accepted\r\n\r\n"),
    }
}

impl Met {
    /// Says so; when the last byte was written.
    pub async fn say(&mut self, text: &str) -> Instant {
        self.out.write_all(text.as_bytes()).await.expect("the daemon");
        Instant::now()
    }
}

/// Which leg an event is about: one side (`c` the caller's, `a` the agent's) of a call.
pub fn channel(device: &str, call: usize, side: &str) -> String {
    format!("Channel: {device}-{call:08x}\r\nUniqueid: b{call}.{side}\r\nLinkedid: b{call}.c\r\n")
}

pub fn party(number: &str, name: &str) -> String {
    format!("ChannelState: 4\r\nCallerIDNum: {number}\r\nCallerIDName: {name}\r\nExten: 4008001234\r\n")
}

/// A caller comes and waits in a queue.
pub fn waits(call: usize, caller: &str) -> String {
    let channel = channel("PJSIP/trunk", call, "c");
    let party = party(caller, &format!("caller-{call}."));
    format!(
        "Event: Newchannel\r\nPrivilege: call,all\r\n{channel}{party}\r\n\
         Event: QueueCallerJoin\r\nPrivilege: agent,all\r\n{channel}Queue: support\r\nPosition: 1\r\nCount: 1\r\n\r\n"
    )
}
