//! What a file is, by its first bytes; its name alone is not believed.

use crate::names::words;

words! {
    /// What may lie with a matter: nothing that runs, and nothing that a browser would run.
    Media {
        Png = "image/png",
        Jpeg = "image/jpeg",
        Gif = "image/gif",
        Webp = "image/webp",
        Heic = "image/heic",
        Pdf = "application/pdf",
        Docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Pptx = "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        Doc = "application/msword",
        Xls = "application/vnd.ms-excel",
        Ppt = "application/vnd.ms-powerpoint",
        Odt = "application/vnd.oasis.opendocument.text",
        Ods = "application/vnd.oasis.opendocument.spreadsheet",
        Odp = "application/vnd.oasis.opendocument.presentation",
        Text = "text/plain",
        Csv = "text/csv",
        Mp3 = "audio/mpeg",
        Wav = "audio/wav",
        Ogg = "audio/ogg",
        Flac = "audio/flac",
        Amr = "audio/amr",
        M4a = "audio/mp4",
    }
}

/// How much of a file's beginning [`Media::of`] wants to see.
pub const HEAD: usize = 64 * 1024;

/// A name is a line in a list.
const NAME_CHARS: usize = 120;

impl Media {
    /// None: nothing of this. `head`: the first [`HEAD`] bytes.
    pub fn of(name: &str, head: &[u8]) -> Option<Media> {
        let named = |endings: &[&str]| endings.contains(&ending(name).as_str());
        let begins = |magic: &[u8]| head.starts_with(magic);
        let at = |from: usize, magic: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(magic));
        let holds = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
        if begins(b"\x89PNG\r\n\x1a\n") {
            Some(Media::Png)
        } else if begins(b"\xff\xd8\xff") {
            Some(Media::Jpeg)
        } else if begins(b"GIF87a") || begins(b"GIF89a") {
            Some(Media::Gif)
        } else if begins(b"RIFF") && at(8, b"WEBP") {
            Some(Media::Webp)
        } else if begins(b"RIFF") && at(8, b"WAVE") {
            Some(Media::Wav)
        } else if begins(b"%PDF-") {
            Some(Media::Pdf)
        } else if begins(b"PK\x03\x04") {
            // Open documents say first what they are; Microsoft's are known by their parts.
            if at(30, b"mimetypeapplication/vnd.oasis.opendocument.text") {
                Some(Media::Odt)
            } else if at(30, b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet") {
                Some(Media::Ods)
            } else if at(30, b"mimetypeapplication/vnd.oasis.opendocument.presentation") {
                Some(Media::Odp)
            } else if !holds(b"[Content_Types].xml") {
                None
            } else if holds(b"word/") {
                Some(Media::Docx)
            } else if holds(b"xl/") {
                Some(Media::Xlsx)
            } else if holds(b"ppt/") {
                Some(Media::Pptx)
            } else {
                None
            }
        } else if begins(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
            // Installers are such files too.
            match ending(name).as_str() {
                "doc" => Some(Media::Doc),
                "xls" => Some(Media::Xls),
                "ppt" => Some(Media::Ppt),
                _ => None,
            }
        } else if begins(b"ID3") || (head.len() > 1 && head[0] == 0xff && matches!(head[1], 0xfb | 0xf3 | 0xf2)) {
            Some(Media::Mp3)
        } else if begins(b"OggS") {
            Some(Media::Ogg)
        } else if begins(b"fLaC") {
            Some(Media::Flac)
        } else if begins(b"#!AMR") {
            Some(Media::Amr)
        } else if at(4, b"ftypM4A") {
            Some(Media::M4a)
        } else if at(4, b"ftypheic") || at(4, b"ftypmif1") {
            Some(Media::Heic)
        } else if named(&["txt", "log", "md"]) && is_text(head) {
            Some(Media::Text)
        } else if named(&["csv"]) && is_text(head) {
            Some(Media::Csv)
        } else {
            None
        }
    }

    /// A browser may show it within a page.
    pub fn is_picture(self) -> bool {
        matches!(self, Media::Png | Media::Jpeg | Media::Gif | Media::Webp)
    }

    /// Endings of names that say the same.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Media::Png => &["png"],
            Media::Jpeg => &["jpg", "jpeg"],
            Media::Gif => &["gif"],
            Media::Webp => &["webp"],
            Media::Heic => &["heic", "heif"],
            Media::Pdf => &["pdf"],
            Media::Docx => &["docx"],
            Media::Xlsx => &["xlsx"],
            Media::Pptx => &["pptx"],
            Media::Doc => &["doc"],
            Media::Xls => &["xls"],
            Media::Ppt => &["ppt"],
            Media::Odt => &["odt"],
            Media::Ods => &["ods"],
            Media::Odp => &["odp"],
            Media::Text => &["txt", "log", "md"],
            Media::Csv => &["csv"],
            Media::Mp3 => &["mp3"],
            Media::Wav => &["wav"],
            Media::Ogg => &["ogg", "oga", "opus"],
            Media::Flac => &["flac"],
            Media::Amr => &["amr"],
            Media::M4a => &["m4a"],
        }
    }

    /// A name as it may be shown and saved under: no path, nothing unseen, and an ending that says
    /// what it is.
    pub fn clean_name(self, name: &str) -> String {
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let is_seen = |c: &char| !c.is_control() && !is_unseen(*c) && !"\"*:<>?|".contains(*c);
        let seen: String = last.chars().filter(is_seen).collect();
        let seen = seen.trim_matches(|c: char| c == '.' || c.is_whitespace());
        let (stem, end) = match seen.rsplit_once('.') {
            Some((stem, end)) if self.endings().contains(&end.to_lowercase().as_str()) => (stem, end),
            Some(_) | None => (seen, self.endings()[0]),
        };
        let stem: String = stem.chars().take(NAME_CHARS).collect();
        let stem = if stem.is_empty() { "file" } else { &stem };
        format!("{stem}.{end}")
    }
}

fn ending(name: &str) -> String {
    name.rsplit_once('.').map(|(_, end)| end.to_lowercase()).unwrap_or_default()
}

/// Marks of writing direction, and characters without width: a name could pretend to another ending.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// In whatever encoding; nothing that a browser or a shell would take for its own.
fn is_text(head: &[u8]) -> bool {
    let is_plain = |byte: &u8| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r');
    let lower = head.to_ascii_lowercase();
    let begin = lower.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&lower);
    let begin = begin.trim_ascii_start();
    let markup: [&[u8]; 5] = [b"<script", b"<html", b"<svg", b"<!doctype", b"<?xml"];
    let runs = begin.starts_with(b"#!") || begin.starts_with(b"<?");
    head.iter().all(is_plain) && !runs && !markup.iter().any(|tag| lower.windows(tag.len()).any(|part| part == *tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_bytes_say_and_nothing_that_runs() {
        let zip = |parts: &str| [b"PK\x03\x04", parts.as_bytes()].concat();
        let mut ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
        ole.extend([0; 16]);
        let docx = zip("xxxx[Content_Types].xml....word/document.xml");
        let cases: [(&str, &[u8], Option<Media>); 17] = [
            ("photo.png", b"\x89PNG\r\n\x1a\n....", Some(Media::Png)),
            ("photo.exe", b"\xff\xd8\xff\xe0", Some(Media::Jpeg)),
            ("photo.png", b"MZ\x90\0", None),
            ("a.txt", b"\x7fELF\x02\x01", None),
            ("a.docx", &docx, Some(Media::Docx)),
            ("a.docx", &zip("evil.exe"), None),
            ("a.xls", &ole, Some(Media::Xls)),
            ("setup.msi", &ole, None),
            ("a.txt", "周三送到".as_bytes(), Some(Media::Text)),
            ("a.csv", b"name,number\r\n", Some(Media::Csv)),
            ("a.html", b"hello", None),
            ("a.txt", b"  <HTML><body>", None),
            ("a.svg", b"<svg onload=alert(1)>", None),
            ("a.txt", b"x <ScRiPt>", None),
            ("a.txt", b"#!/bin/sh\nrm -rf /", None),
            ("a.txt", b"a\0b", None),
            ("ring.amr", b"#!AMR\n", Some(Media::Amr)),
        ];
        for (name, head, media) in cases {
            assert_eq!(Media::of(name, head), media, "{name}");
        }
    }

    #[test]
    fn names_have_no_path_and_say_what_the_file_is() {
        let cases = [
            ("../../etc/passwd", Media::Text, "passwd.txt"),
            ("C:\\tmp\\冰箱 照片.PNG", Media::Png, "冰箱 照片.PNG"),
            ("photo\u{202e}gnp.exe", Media::Png, "photognp.exe.png"),
            ("...", Media::Pdf, "file.pdf"),
            ("a\r\nb\"c.jpeg", Media::Jpeg, "abc.jpeg"),
        ];
        for (name, media, clean) in cases {
            assert_eq!(media.clean_name(name), clean);
        }
        assert_eq!(Media::Png.clean_name(&"长".repeat(500)).chars().count(), 124);
    }
}
