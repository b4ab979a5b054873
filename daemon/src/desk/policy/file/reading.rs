//! Walking a document: each value as what it should be, and what is wrong with it otherwise.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::length;
use crate::desk::calendar::Slots;

pub type Value<'i> = Spanned<DeValue<'i>>;

/// What was wrong so far. Nothing ends the walk: people hear of all mistakes at once.
pub struct Reading {
    pub mistakes: Vec<(Range<usize>, String)>,
}

impl Reading {
    /// Gives nothing, so that it can stand where a value should.
    pub fn wrong<T>(&mut self, span: &Range<usize>, why: impl Into<String>) -> Option<T> {
        self.mistakes.push((span.clone(), why.into()));
        None
    }

    /// Tells the keys that are not known here.
    pub fn keys(&mut self, table: &DeTable, known: &[&str]) {
        for key in table.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                self.wrong::<()>(&key.span(), unknown(key.get_ref(), known));
            }
        }
    }

    /// Reads the section of that name, if it is there.
    pub fn section(&mut self, table: &DeTable, key: &str, read: impl FnOnce(&mut Reading, &DeTable)) {
        if let Some(value) = table.get(key)
            && let Some(section) = self.table(value)
        {
            read(self, section);
        }
    }

    /// Sets what the key says, if it is there and well.
    pub fn set<T>(
        &mut self,
        table: &DeTable,
        key: &str,
        place: &mut T,
        read: impl FnOnce(&mut Reading, &Value) -> Option<T>,
    ) {
        if let Some(value) = table.get(key)
            && let Some(read) = read(self, value)
        {
            *place = read;
        }
    }

    pub fn table<'a, 'i>(&mut self, value: &'a Value<'i>) -> Option<&'a DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => self.wrong(
                &value.span(),
                "this is a section of its own, as in [clock.missed_call] or { within = \"10m\" }",
            ),
        }
    }

    pub fn list<'a, 'i>(&mut self, value: &'a Value<'i>, example: &str) -> Option<&'a DeArray<'i>> {
        match value.get_ref() {
            DeValue::Array(list) => Some(list),
            _ => self.wrong(&value.span(), format!("this is a list, as in {example}")),
        }
    }

    pub fn text<'a>(&mut self, value: &'a Value, example: &str) -> Option<&'a str> {
        match value.get_ref() {
            DeValue::String(text) => Some(text),
            _ => self.wrong(&value.span(), format!("this is a text in quotes, as in {example:?}")),
        }
    }

    pub fn truth(&mut self, value: &Value) -> Option<bool> {
        match value.get_ref() {
            DeValue::Boolean(truth) => Some(*truth),
            _ => self.wrong(&value.span(), "this is true or false, without quotes"),
        }
    }

    pub fn whole(&mut self, value: &Value, range: RangeInclusive<i64>) -> Option<i64> {
        let number = match value.get_ref() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let (least, most) = (range.start(), range.end());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => self.wrong(&value.span(), format!("this is a whole number from {least} to {most}, without quotes")),
        }
    }

    /// In milliseconds.
    pub fn length(&mut self, value: &Value) -> Option<i64> {
        let text = self.text(value, "30m")?;
        length::read(text).map_err(|why| self.wrong::<()>(&value.span(), why)).ok()
    }

    pub fn hours(&mut self, value: &Value) -> Option<Slots> {
        let text = self.text(value, "09:00-12:00 13:30-18:00")?;
        text.parse::<Slots>().map_err(|why| self.wrong::<()>(&value.span(), why.to_string())).ok()
    }

    /// One of `all`, by its word.
    pub fn one_of<'w, T: Copy>(&mut self, value: &Value, all: &[T], word: impl Fn(T) -> &'w str) -> Option<T> {
        let words: Vec<&str> = all.iter().map(|one| word(*one)).collect();
        let written = self.text(value, words.first().copied().unwrap_or_default())?;
        let found = all.iter().find(|one| word(**one) == written);
        match found {
            Some(one) => Some(*one),
            None => self.wrong(&value.span(), unknown(written, &words)),
        }
    }
}

/// What is said of a word that is none of `known`.
pub fn unknown(word: &str, known: &[&str]) -> String {
    let all = known.join(", ");
    match nearest(word, known) {
        Some(near) => format!("{word:?} is not known here; did you mean {near:?}? There are: {all}"),
        None => format!("{word:?} is not known here; there are: {all}"),
    }
}

/// What somebody may have meant: no more than every third letter is another.
fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    // Longer is no slip of the hand.
    if word.len() > 100 {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let near = known.iter().map(|known| (apart(&word, &plain(known)), *known)).min_by_key(|(apart, _)| *apart)?;
    (near.0 * 3 <= word.chars().count().max(3)).then_some(near.1)
}

/// Letters to be put in, left out, changed or swapped with the next until the words are the same
/// (Damerau and Levenshtein).
fn apart(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
