//! Bytes into lines. A line that is too long is skipped to its end and told, so that it costs one
//! event and not the connection.

use bytes::{Buf, Bytes, BytesMut};

/// The longest line, its end not counted: a hundred times an ordinary event, and what a thousand
/// connections may hold at once without hurting.
pub const MAX_LINE: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Without its end, LF or CRLF.
    Whole(Bytes),
    TooLong {
        bytes: usize,
    },
}

#[derive(Debug, Default)]
pub struct Lines {
    /// Bytes at the buffer's start that hold no line end.
    searched: usize,
    /// Bytes of a line that is too long, gone by.
    skipped: usize,
}

impl Lines {
    /// The next line that is whole in `buffer`, which never keeps more than a line's length.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Option<Line> {
        let Some(end) = memchr::memchr(b'\n', &buffer[self.searched..]).map(|at| self.searched + at) else {
            self.searched = buffer.len();
            if self.skipped > 0 || buffer.len() > MAX_LINE + 1 {
                self.skipped += buffer.len();
                self.searched = 0;
                buffer.clear();
            }
            return None;
        };
        self.searched = 0;
        let line = buffer.split_to(end).freeze();
        buffer.advance(1);
        let skipped = std::mem::take(&mut self.skipped);
        let line = line.strip_suffix(b"\r").map_or(line.clone(), |text| line.slice_ref(text));
        if skipped > 0 || line.len() > MAX_LINE {
            return Some(Line::TooLong { bytes: skipped + line.len() });
        }
        Some(Line::Whole(line))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Line> {
        let (mut lines, mut buffer, mut out) = (Lines::default(), BytesMut::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some(line) = lines.next(&mut buffer) {
                out.push(line);
            }
            assert!(buffer.len() <= MAX_LINE + 1, "what waits is bounded");
        }
        out
    }

    #[test]
    fn lines_end_with_lf_or_crlf() {
        let whole = |text: &'static [u8]| Line::Whole(Bytes::from_static(text));
        assert_eq!(all(&[b"{}\r\n\na\rb\n{"]), [whole(b"{}"), whole(b""), whole(b"a\rb")]);
    }

    #[test]
    fn a_line_at_the_limit_is_taken_and_a_longer_one_skipped() {
        let at_limit = [vec![b'x'; MAX_LINE], b"\r\n".to_vec()].concat();
        assert!(matches!(&all(&[&at_limit])[..], [Line::Whole(line)] if line.len() == MAX_LINE));
        let longer = [vec![b'x'; 3 * MAX_LINE], b"\n{}\n".to_vec()].concat();
        let pieces: Vec<&[u8]> = longer.chunks(1000).collect();
        let told = [Line::TooLong { bytes: 3 * MAX_LINE }, Line::Whole(Bytes::from_static(b"{}"))];
        assert_eq!(all(&pieces), told);
    }

    proptest! {
        #[test]
        fn however_it_is_cut_the_lines_are_the_same(text in "[a\n\r]{0,60}", cuts in prop::collection::vec(0usize..60, 0..8)) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(all(&pieces), all(&[text.as_bytes()]));
        }
    }
}
