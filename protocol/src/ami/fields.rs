//! What stands in a field of an AMI packet: bytes, of whatever charset the caller's PBX had, some
//! of them C-escaped.

use std::borrow::Cow;

pub use crate::charset::text;

/// Undoes Asterisk's `ast_escape_c` (utils.c): `\a \b \f \n \r \t \v \\ \' \" \?`. Works on bytes,
/// since Asterisk escapes bytes: the second byte of a GBK character may itself be a backslash.
/// Any other escape stays as it is. Allocates only where there is a backslash.
pub fn unescape(value: &[u8]) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'\\', value) else { return Cow::Borrowed(value) };
    let mut plain = Vec::with_capacity(value.len());
    plain.extend_from_slice(&value[..first]);
    let mut rest = &value[first..];
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let meant = match (byte, after.first()) {
            (b'\\', Some(&escaped)) => plain_of(escaped),
            _ => None,
        };
        match meant {
            Some(meant) => {
                plain.push(meant);
                rest = &after[1..];
            }
            None => plain.push(byte),
        }
    }
    Cow::Owned(plain)
}

fn plain_of(escaped: u8) -> Option<u8> {
    Some(match escaped {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'\'' | b'"' | b'?' => escaped,
        _ => return None,
    })
}

/// Whether Asterisk C-escapes the values of `key` in packets of the event `event`
/// (manager_channels.c `ast_manager_build_channel_state_string_prefix`, `VarSet`, manager.c
/// presence). The same key comes plain in the few events that are written by hand: `QueueEntry`,
/// `OriginateResponse` and the `Effective…` names of `Status`.
pub fn is_escaped(event: &[u8], key: &[u8]) -> bool {
    let ends_in = |tail: &[u8]| key.len() >= tail.len() && key[key.len() - tail.len()..].eq_ignore_ascii_case(tail);
    if ends_in(b"CallerIDName") {
        !event.eq_ignore_ascii_case(b"QueueEntry") && !event.eq_ignore_ascii_case(b"OriginateResponse")
    } else if ends_in(b"ConnectedLineName") {
        !ends_in(b"EffectiveConnectedLineName") && !event.eq_ignore_ascii_case(b"QueueEntry")
    } else if ends_in(b"ChanVariable") || key.eq_ignore_ascii_case(b"CID-CallingPres") {
        true
    } else if key.eq_ignore_ascii_case(b"Value") {
        event.eq_ignore_ascii_case(b"VarSet")
    } else if key.eq_ignore_ascii_case(b"Message") {
        event.eq_ignore_ascii_case(b"PresenceStatus")
    } else {
        false
    }
}

/// A value as text for people, unescaped where Asterisk has escaped it.
pub fn plain_text<'a>(event: &[u8], key: &[u8], value: &'a [u8]) -> Cow<'a, str> {
    if !is_escaped(event, key) {
        return text(value);
    }
    match unescape(value) {
        Cow::Borrowed(value) => text(value),
        Cow::Owned(value) => Cow::Owned(text(&value).into_owned()),
    }
}

/// The value, unless it is one of the ways in which Asterisk says that it has none: empty,
/// `<unknown>` (snapshots), `unknown` (QueueEntry).
pub fn known(value: &[u8]) -> Option<&[u8]> {
    (!value.is_empty() && value != b"<unknown>" && value != b"unknown").then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_where_asterisk_made_them() {
        assert_eq!(plain_text(b"Newchannel", b"CallerIDName", br"O\'Brien \\ \t\?"), "O'Brien \\ \t?");
        assert_eq!(plain_text(b"DialBegin", b"DestConnectedLineName", br#"\"Anne\""#), "\"Anne\"");
        assert_eq!(plain_text(b"VarSet", b"Value", br"a\nb"), "a\nb");
        assert_eq!(plain_text(b"QueueEntry", b"CallerIDName", br"O\'Brien"), r"O\'Brien");
        assert_eq!(plain_text(b"Status", b"EffectiveConnectedLineName", br"a\\b"), r"a\\b");
        assert_eq!(plain_text(b"Newexten", b"AppData", br"a\nb"), r"a\nb");
        assert_eq!(unescape(br"\x41 \"), Cow::Borrowed(&br"\x41 \"[..]), "no escape of ast_escape_c");
    }

    #[test]
    fn a_gbk_character_that_ends_in_a_backslash_survives_escaping() {
        // 0x81 0x5C is one GBK character; Asterisk doubles its second byte.
        let sent = b"\x81\\\\";
        assert_eq!(plain_text(b"Newchannel", b"CallerIDName", sent), text(b"\x81\\"));
        assert_eq!(text(b"\x81\\").chars().count(), 1);
    }

    #[test]
    fn unknown_is_nothing() {
        assert_eq!(known(b""), None);
        assert_eq!(known(b"<unknown>"), None);
        assert_eq!(known(b"unknown"), None);
        assert_eq!(known(b"Unknown & Sons"), Some(&b"Unknown & Sons"[..]));
    }
}
