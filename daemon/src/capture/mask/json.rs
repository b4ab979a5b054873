//! JSON as it stands: only strings and numbers change; order, repeated keys, blanks and bytes that
//! are no UTF-8 stay as a PBX wrote them.

use protocol::ami::fields::text;
use protocol::esl::json::unescape;

use super::messages::Doing;

/// The text with its values masked; none when it is no JSON. A `Content-Length` is set to the
/// length of the `_body` beside it.
pub fn mask(json: &[u8], doing: &mut Doing<'_>) -> Option<Vec<u8>> {
    mask_by(json, doing, |key| key)
}

/// A line of a native sender, where a `name` is somebody's.
pub fn mask_line(json: &[u8], doing: &mut Doing<'_>) -> Option<Vec<u8>> {
    mask_by(json, doing, |key| if key == "name" { "caller_name".into() } else { key })
}

fn mask_by(json: &[u8], doing: &mut Doing<'_>, named: fn(String) -> String) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(json.len());
    let mut key = String::new();
    let mut depth = 0_usize;
    // Where the value of a Content-Length stands in what was written, and how long the body is.
    let (mut length_at, mut body) = (None, None);
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => {
                let end = at + 1 + string_end(&json[at + 1..])?;
                let raw = &json[at + 1..end];
                let after = json[end + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                let plain = unescape(raw);
                if after == Some(&b':') {
                    key = named(text(&plain).into_owned());
                    out.extend_from_slice(&json[at..=end]);
                } else {
                    let from = out.len() + 1;
                    let plain = text(&plain);
                    match doing.value(&key, &plain) {
                        Some(masked) => {
                            body = (key == "_body").then_some(masked.len()).or(body);
                            out.extend_from_slice(serde_json::to_string(&masked).ok()?.as_bytes());
                        }
                        None => {
                            body = (key == "_body").then_some(unescape(raw).len()).or(body);
                            out.extend_from_slice(&json[at..=end]);
                        }
                    }
                    if key == "Content-Length" {
                        length_at = Some(from..out.len() - 1);
                    }
                }
                at = end + 1;
            }
            b'0'..=b'9' => {
                let length = json[at..].iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(json.len() - at);
                let number = text(&json[at..at + length]);
                // JSON numbers bear no leading zero, and a pseudonym begins as what it stands for.
                match doing.value(&key, &number) {
                    Some(masked) => out.extend_from_slice(masked.as_bytes()),
                    None => out.extend_from_slice(number.as_bytes()),
                }
                at += length;
            }
            other => {
                match other {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.checked_sub(1)?,
                    b',' | b':' | b'-' | b'+' | b'.' | b'e' | b'E' | b' ' | b'\t' | b'\r' | b'\n' => {}
                    // true, false, null
                    b'a'..=b'z' => {}
                    _ => return None,
                }
                out.push(other);
                at += 1;
            }
        }
    }
    if depth != 0 {
        return None;
    }
    if let (Some(range), Some(length)) = (length_at, body) {
        out.splice(range, length.to_string().into_bytes());
    }
    Some(out)
}

/// Where a string ends, after its first quote.
fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}
