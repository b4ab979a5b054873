//! What the parser cannot read, in words that say how to mend it: the slips of people who write such
//! a file once a year, and of those whose keyboard writes Chinese marks.

use std::ops::Range;

use toml::de::Error;

/// The first slip of each line; what follows from it on the same line says nothing more, nor does
/// what comes behind a list that is not closed.
pub fn slips(text: &str, errors: &[Error]) -> Vec<(Range<usize>, String)> {
    let mut found: Vec<(Range<usize>, &str)> =
        errors.iter().map(|error| (error.span().unwrap_or_default(), error.message())).collect();
    found.sort_by_key(|(span, _)| span.start);
    if found.iter().any(|(_, said)| said.starts_with("unclosed array") || said.starts_with("unclosed inline")) {
        let open = found.iter().position(|(_, said)| is_open(said));
        found.truncate(open.map_or(found.len(), |open| open + 1));
        if let Some((_, said)) = found.last_mut() {
            *said = OPEN;
        }
    }
    let mut slips: Vec<(Range<usize>, String)> = Vec::new();
    let mut last_line = None;
    for (span, said) in found {
        let line = line_at(text, span.start);
        if last_line.replace(line.start) != Some(line.start) {
            slips.push(slip(text, line, span, said));
        }
    }
    slips
}

/// What stands for all that the parser says of a list that never ends.
const OPEN: &str = "open";

fn is_open(said: &str) -> bool {
    ["unclosed array", "unclosed inline", "missing comma", "invalid inline table element"]
        .iter()
        .any(|beginning| said.starts_with(beginning))
}

/// Marks of a Chinese keyboard where TOML wants others.
const WIDE: [(char, char); 14] = [
    ('“', '"'),
    ('”', '"'),
    ('‘', '\''),
    ('’', '\''),
    ('＂', '"'),
    ('＝', '='),
    ('：', '='),
    ('，', ','),
    ('、', ','),
    ('［', '['),
    ('］', ']'),
    ('【', '['),
    ('】', ']'),
    ('＃', '#'),
];

fn slip(text: &str, line: Range<usize>, span: Range<usize>, said: &str) -> (Range<usize>, String) {
    let whole = text.get(line.clone()).unwrap_or_default();
    for (at, letter) in outside_quotes(whole) {
        let here = line.start + at..line.start + at + letter.len_utf8();
        if let Some((_, plain)) = WIDE.iter().find(|(wide, _)| *wide == letter) {
            return (here, format!("{letter} is a full-width mark; write {plain}"));
        }
        if matches!(letter, '\u{3000}' | '\u{feff}' | '\u{a0}') {
            return (here, "this is no plain space; write one, or take it out".to_owned());
        }
    }
    let word = text.get(span.clone()).unwrap_or_default();
    let behind = text.get(span.start..line.end).unwrap_or_default().trim_start();
    let begins = |beginning: &str| said.starts_with(beginning);
    let why = if whole.trim_start().starts_with("//") || behind.starts_with("//") {
        "a comment begins with #, not with //".to_owned()
    } else if begins("key with no value") || begins("missing assignment") || word == ":" {
        let is_section = whole.trim_end().ends_with(']') && whole.find('[').is_none_or(|at| at == 0);
        if is_section { SECTION.to_owned() } else { EQUALS.to_owned() }
    } else if begins("string values must be quoted") && word.is_empty() {
        "the value is missing behind the =".to_owned()
    } else if begins("string values must be quoted") || begins("invalid datetime") {
        format!("{word:?} stands without quotes; write texts, lengths of time and hours as in \"30m\"")
    } else if begins("invalid boolean") {
        "true and false are written in small letters, without quotes".to_owned()
    } else if begins("invalid multi-line") {
        "the text that begins with three quotes is not closed; end it with three quotes".to_owned()
    } else if said.ends_with("expected `\"`") || said.ends_with("expected `'`") {
        "the text is not closed: the quote at its end is missing".to_owned()
    } else if begins("missing escaped value") {
        "a backslash in a text in quotes is written twice".to_owned()
    } else if begins("unclosed table") || begins("unclosed array table") {
        SECTION.to_owned()
    } else if begins("duplicate key") {
        format!("{word:?} is written a second time; keep one of the two")
    } else if said == OPEN || is_open(said) {
        // Behind what stands there, not before what comes next, which may be lines below.
        let end = text.get(..span.start).map_or(span.start, |before| before.trim_end().len());
        return (end..end, "a comma is missing here, or the ] or } at the end of the list".to_owned());
    } else if begins("unexpected key or value") {
        "nothing more may stand behind the value; begin a new line, or a comment with #".to_owned()
    } else if begins("invalid unquoted key") {
        format!("{word:?} needs quotes as a name, or is none")
    } else if begins("unquoted keys cannot be empty") {
        "a name is missing here".to_owned()
    } else if begins("extra `=`") {
        "one = is enough".to_owned()
    } else {
        format!("this is not written as TOML is ({said})")
    };
    (span, why)
}

const SECTION: &str = "the name of a section stands in brackets, its parts joined by dots, as in [clock.missed_call]";
const EQUALS: &str = "a = is missing behind the name, as in within = \"30m\"";

/// The line in which something stands, without its end.
fn line_at(text: &str, offset: usize) -> Range<usize> {
    let from = text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let to = text.get(offset..).and_then(|behind| behind.find('\n')).map_or(text.len(), |end| offset + end);
    from..to
}

/// The letters of a line that stand in no text in quotes and no comment.
fn outside_quotes(line: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut is_comment, mut is_escaped) = (None, false, false);
    line.char_indices().filter(move |(_, letter)| {
        let stood = quote;
        match (quote, letter) {
            _ if is_comment => {}
            (Some('"'), '\\') if !is_escaped => {
                is_escaped = true;
                return false;
            }
            (Some(open), letter) if open == *letter && !is_escaped => quote = None,
            (None, '"' | '\'') => quote = Some(*letter),
            (None, '#') => is_comment = true,
            (Some(_) | None, _) => {}
        }
        is_escaped = false;
        stood.is_none() && !is_comment
    })
}
