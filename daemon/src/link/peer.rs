//! What stand-ins for an Asterisk share in tests.

use tokio::io::{AsyncBufRead, Lines};

/// The next action that a link sends, and its ActionID; none: it has hung up.
pub(crate) async fn next_action(lines: &mut Lines<impl AsyncBufRead + Unpin>) -> Option<(String, String)> {
    let (mut action, mut id) = (String::new(), String::new());
    while let Ok(Some(line)) = lines.next_line().await {
        match line.split_once(": ") {
            Some(("Action", name)) => action = name.to_owned(),
            Some(("ActionID", value)) => id = value.to_owned(),
            Some(_) => {}
            None => return Some((action, id)),
        }
    }
    None
}
