//! Bytes that a PBX passes on from whoever sent them, as text for people.

use std::borrow::Cow;

use encoding_rs::{GB18030, WINDOWS_1252};

/// A value as text, for people: UTF-8 where it is UTF-8, else GB18030 (so GBK and GB 2312 too), as
/// trunks in China send names; what is neither is read as Windows-1252, which takes any byte.
/// Allocates only when it is not UTF-8.
pub fn text(value: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(value) {
        return Cow::Borrowed(text);
    }
    GB18030
        .decode_without_bom_handling_and_without_replacement(value)
        .unwrap_or_else(|| WINDOWS_1252.decode_without_bom_handling(value).0)
}

/// [`text`], of bytes made while reading.
pub fn owned_text(value: Vec<u8>) -> String {
    String::from_utf8(value).unwrap_or_else(|error| text(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_any_charset() {
        assert!(matches!(text("王小明".as_bytes()), Cow::Borrowed("王小明")));
        assert_eq!(text(b"\xCD\xF5\xD0\xA1\xC3\xF7"), "王小明", "GBK");
        assert_eq!(text(b"Andr\xE9"), "André", "Latin-1 that is no GB18030");
        assert_eq!(text(b"\xFF\xFF"), "ÿÿ");
        assert_eq!(text(b""), "");
        assert_eq!(owned_text(b"\xCD\xF5".to_vec()), "王");
    }
}
