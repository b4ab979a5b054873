//! How a text is taken apart, so that a word of one or two characters is found wherever it stands.
//!
//! Chinese has no spaces: each character stands in the index together with the one that follows it,
//! and the last of a run alone. So one character is the beginning of a token, two are a token, and
//! more are tokens in a row. What has an alphabet is taken by words in small letters, letters apart
//! from digits. Of long numbers each end is there too, for people remember the last four digits.

use std::collections::BTreeSet;

use crate::number::Numbering;

/// Longer words are cut: nobody types so much, and no token may be without bound.
const TOKEN_CHARS: usize = 40;

/// From so many digits on, a number in a text is found by its end too.
const NUMBER_DIGITS: usize = 5;
/// What is left of a number is worth finding down to so many digits, and up to so many.
const END_DIGITS: std::ops::RangeInclusive<usize> = 4..=20;

/// Words that one search goes by; more would only be slow.
const WORDS: usize = 12;

/// A character as it is compared, and where it stands in its text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sign {
    pub c: char,
    pub class: Class,
    pub from: usize,
    pub to: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Han,
    Letter,
    Digit,
}

/// What is looked for: each of these must be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Words(pub Vec<Word>);

#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    pub signs: Vec<Sign>,
    /// Where it may be a phone number, whole or in part: its digits as typed, and what all ways of
    /// writing it have in common.
    pub digits: BTreeSet<String>,
}

/// The tokens of a text, in order.
pub fn tokens(text: &str) -> impl Iterator<Item = String> {
    runs(&signs(text)).into_iter().flat_map(|run| in_run(&run)).collect::<Vec<_>>().into_iter()
}

/// The ends of all long numbers of a text.
pub fn ends(text: &str) -> BTreeSet<String> {
    let signs = signs(text);
    let long = runs(&signs).into_iter().filter(|run| run[0].class == Class::Digit && run.len() >= NUMBER_DIGITS);
    long.flat_map(|run| ends_of(&run.iter().map(|sign| sign.c).collect::<String>())).collect()
}

/// The ends of a number, whatever else is written in it.
pub fn ends_of(number: &str) -> BTreeSet<String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let lengths = (*END_DIGITS.start()..=digits.len()).filter(|length| END_DIGITS.contains(length));
    lengths.map(|length| digits[digits.len() - length..].to_owned()).collect()
}

impl Words {
    /// None where nothing was typed that could be found.
    pub fn read(numbering: &Numbering, typed: &str) -> Option<Words> {
        let word = |text: &str| {
            let signs = signs(text);
            let common = numbering.digits_in_common(text);
            let is_number = signs.len() >= *END_DIGITS.start() && signs.iter().all(|sign| sign.class == Class::Digit);
            let typed = is_number.then(|| signs.iter().map(|sign| sign.c).collect());
            (!signs.is_empty()).then(|| Word { signs, digits: common.into_iter().chain(typed).collect() })
        };
        // A number may have spaces in it.
        let whole = word(typed).filter(|word| !word.digits.is_empty());
        let words = match whole {
            Some(number) => vec![number],
            None => typed.split_whitespace().filter_map(word).take(WORDS).collect(),
        };
        (!words.is_empty()).then_some(Words(words))
    }

    /// As the index is asked. Only letters and digits stand within its quotes.
    pub fn expression(&self) -> String {
        let each = self.0.iter().map(|word| {
            let ends = word.digits.iter().map(|digits| format!("ends : \"{digits}\" *"));
            format!("({})", ends.chain([word.phrase()]).collect::<Vec<_>>().join(" OR "))
        });
        each.collect::<Vec<_>>().join(" AND ")
    }
}

impl Word {
    fn phrase(&self) -> String {
        let runs = runs(&self.signs);
        let mut tokens: Vec<String> = runs.iter().flat_map(|run| in_run(run)).collect();
        let ends_in_han = runs.last().is_some_and(|run| run[0].class == Class::Han);
        let several = runs.last().is_some_and(|run| run.len() > 1);
        // What comes after the last character is not known: the token before it says that it is there,
        // or where it is alone, any token that begins with it.
        let open = !(ends_in_han && several);
        if !open {
            tokens.pop();
        }
        format!("text : \"{}\"{}", tokens.join(" "), if open { " *" } else { "" })
    }
}

/// What can be found of a text, folded: no case, no width.
pub fn signs(text: &str) -> Vec<Sign> {
    let mut signs = Vec::new();
    for (from, c) in text.char_indices() {
        let to = from + c.len_utf8();
        let narrow = match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
            c => c,
        };
        for c in narrow.to_lowercase() {
            let class = match c {
                _ if is_han(c) => Class::Han,
                '0'..='9' => Class::Digit,
                c if c.is_alphanumeric() => Class::Letter,
                _ => continue,
            };
            signs.push(Sign { c, class, from, to });
        }
    }
    signs
}

/// Signs of one class without anything between.
fn runs(signs: &[Sign]) -> Vec<Vec<Sign>> {
    signs.chunk_by(|a, b| a.class == b.class && adjoin(a, b)).map(<[Sign]>::to_vec).collect()
}

/// Whether nothing stands between them; of one character there may be two signs.
pub fn adjoin(a: &Sign, b: &Sign) -> bool {
    b.from == a.to || b.from == a.from
}

fn in_run(run: &[Sign]) -> Vec<String> {
    match run[0].class {
        Class::Han => {
            (0..run.len()).map(|at| run[at..run.len().min(at + 2)].iter().map(|sign| sign.c).collect()).collect()
        }
        Class::Letter | Class::Digit => vec![run.iter().take(TOKEN_CHARS).map(|sign| sign.c).collect()],
    }
}

/// Scripts that are written without spaces.
fn is_han(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}' | '々' | '〇')
}
