//! Where in a text the words stand that were looked for.

use std::ops::Range;

use super::words::{Class, Sign, Word, Words, adjoin, signs};

/// What is shown before and after the first hit, in characters.
const BEFORE: usize = 24;
const AFTER: usize = 72;

/// A stretch of a text; `hit` where it was looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub text: String,
    pub hit: bool,
}

/// The text around the first hit, with all hits that stand there marked; none where there are none.
pub fn marked(text: &str, words: &Words) -> Option<Vec<Piece>> {
    let hits = hits(text, words);
    let first = hits.first()?.start;
    let from = text[..first].char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    let to = text[first..].char_indices().nth(AFTER).map_or(text.len(), |(at, _)| first + at);
    let mut pieces = Vec::new();
    let mut push = |text: &str, hit| {
        if !text.is_empty() {
            pieces.push(Piece { text: text.to_owned(), hit });
        }
    };
    let mut at = from;
    if from > 0 {
        push("…", false);
    }
    for hit in hits.iter().take_while(|hit| hit.start < to) {
        push(&text[at..hit.start], false);
        at = hit.end.min(to).max(hit.start);
        push(&text[hit.start..at], true);
    }
    push(&text[at..to], false);
    if to < text.len() {
        push("…", false);
    }
    Some(pieces)
}

/// In order, without overlaps.
fn hits(text: &str, words: &Words) -> Vec<Range<usize>> {
    let hay = signs(text);
    let mut all: Vec<Range<usize>> = words.0.iter().flat_map(|word| of_word(&hay, word)).collect();
    all.sort_by_key(|hit| (hit.start, hit.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for hit in all {
        match apart.last_mut() {
            Some(last) if hit.start < last.end => last.end = last.end.max(hit.end),
            Some(_) | None => apart.push(hit),
        }
    }
    apart
}

fn of_word(hay: &[Sign], word: &Word) -> Vec<Range<usize>> {
    let mut found = places(hay, &word.signs, true);
    found.extend(word.digits.iter().flat_map(|digits| places(hay, &signs(digits), false)));
    found
}

/// Where these signs stand: what is of one run without a gap, and words from their beginning.
fn places(hay: &[Sign], sought: &[Sign], whole: bool) -> Vec<Range<usize>> {
    let Some(first) = sought.first() else { return Vec::new() };
    let begins = |at: usize| {
        first.class == Class::Han
            || !whole
            || at == 0
            || hay[at - 1].class != hay[at].class
            || !adjoin(&hay[at - 1], &hay[at])
    };
    let joined = |at: usize, nth: usize| {
        nth == 0
            || sought[nth - 1].class != sought[nth].class
            || !adjoin(&sought[nth - 1], &sought[nth])
            || adjoin(&hay[at + nth - 1], &hay[at + nth])
    };
    let is_here = |at: &usize| {
        hay[*at].c == first.c
            && begins(*at)
            && (0..sought.len()).all(|nth| hay[at + nth].c == sought[nth].c && joined(*at, nth))
    };
    let last = (hay.len() + 1).saturating_sub(sought.len());
    (0..last).filter(is_here).map(|at| hay[at].from..hay[at + sought.len() - 1].to).collect()
}
