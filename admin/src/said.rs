//! What the daemon says of a PBX, in the reader's language.
//!
//! Links, the ledger and the events' live view say in English what is wrong, what helps, and what
//! came: so it stands in the log, the store and the API, whoever reads. A page says the same in its
//! own language. The English texts have each of those sentences under a key of a family (`said-…`,
//! `detail-EVENT…`), with what differs as values; there a sentence is found again by its fixed parts,
//! as old as it may be. What is found nowhere, such as a PBX's own words, stays as it is.

use std::fmt::Display;
use std::sync::LazyLock;

use crate::pen::Pen;
use crate::text::Language;

/// A sentence, and the language that it came out in, for `lang=""`.
pub struct Said {
    pub text: String,
    pub language: Language,
}

impl Pen {
    /// A sentence of a link or of the ledger.
    pub fn said(&self, sentence: &str) -> Said {
        self.found("said", sentence)
    }

    /// What an event's row tells beside its name.
    pub fn detail(&self, event: &str, detail: &str) -> Said {
        self.found(&format!("detail-{event}"), detail)
    }

    fn found(&self, family: &str, sentence: &str) -> Said {
        let translated = match self.language {
            Language::En => None,
            Language::ZhCn => translated(self.language, family, sentence),
        };
        match translated {
            Some(text) => Said { text, language: self.language },
            None => Said { text: sentence.to_owned(), language: Language::En },
        }
    }
}

/// Values that are sentences or words of the daemon themselves; all others are names, numbers and
/// what others said.
const SAID_AGAIN: [&str; 6] = ["what", "why", "advice", "state", "ours", "theirs"];

/// Without one that is known the sentence is another.
const KNOWN: &str = "what";

fn translated(language: Language, family: &str, sentence: &str) -> Option<String> {
    let of_family = |key: &str| key.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let mut patterns = PATTERNS.iter().filter(|pattern| of_family(pattern.key));
    patterns.find_map(|pattern| {
        let of_value = |(name, value): (&'static str, &str)| {
            let again = SAID_AGAIN.contains(&name).then(|| translated(language, "said", value)).flatten();
            let said = again.or_else(|| (name != KNOWN).then(|| value.to_owned()))?;
            Some((name, said))
        };
        let values: Vec<_> = pattern.values(sentence)?.into_iter().map(of_value).collect::<Option<_>>()?;
        let values: Vec<(&str, &dyn Display)> = values.iter().map(|(name, said)| (*name, said as _)).collect();
        Some(language.say(pattern.key, &values))
    })
}

/// A sentence with gaps.
struct Pattern {
    key: &'static str,
    parts: Vec<Part>,
}

enum Part {
    Fixed(String),
    Value(&'static str),
}

/// Those that say the most by themselves first, so that none is taken for one that fits much.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let lines = include_str!("../texts/en.ftl").lines();
    let ours = lines.filter(|line| line.starts_with("said-") || line.starts_with("detail-"));
    let mut patterns: Vec<Pattern> = ours.filter_map(|line| line.split_once(" = ")).map(Pattern::of).collect();
    patterns.sort_by_key(|pattern| std::cmp::Reverse(pattern.fixed_bytes()));
    patterns
});

impl Pattern {
    /// From a line of a text file: `The phone of { $agent } is …`; a brace itself is `{ "{" }`.
    fn of((key, mut text): (&'static str, &'static str)) -> Pattern {
        let mut parts = vec![Part::Fixed(String::new())];
        while let Some((before, (inside, after))) =
            text.split_once('{').and_then(|(before, rest)| Some((before, placeable(rest)?)))
        {
            let fixed = |parts: &mut Vec<Part>, more: &str| match parts.last_mut() {
                Some(Part::Fixed(text)) => text.push_str(more),
                Some(Part::Value(_)) | None => parts.push(Part::Fixed(more.to_owned())),
            };
            fixed(&mut parts, before);
            match inside.strip_prefix('$') {
                Some(name) => parts.push(Part::Value(name)),
                None => fixed(&mut parts, inside.trim_matches('"')),
            }
            text = after;
        }
        parts.push(Part::Fixed(text.to_owned()));
        Pattern { key, parts }
    }

    fn fixed_bytes(&self) -> usize {
        let fixed = self.parts.iter().map(|part| if let Part::Fixed(text) = part { text.len() } else { 0 });
        fixed.sum()
    }

    /// What fills the gaps, each as short as it may be and the last as long as it must; none: it is
    /// another sentence.
    fn values<'a>(&self, sentence: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let mut values = Vec::new();
        let (mut rest, mut open) = (sentence, None);
        for (nth, part) in self.parts.iter().enumerate() {
            match (part, open) {
                (Part::Value(name), _) => open = Some(*name),
                (Part::Fixed(text), None) => rest = rest.strip_prefix(text.as_str())?,
                (Part::Fixed(text), Some(name)) => {
                    let is_last = nth + 1 == self.parts.len();
                    let at = if is_last { rest.strip_suffix(text.as_str())?.len() } else { rest.find(text.as_str())? };
                    values.push((name, &rest[..at]));
                    (rest, open) = (&rest[at + text.len()..], None);
                }
            }
        }
        rest.is_empty().then_some(values)
    }
}

/// What stands in a brace's placeable, and what comes behind it.
fn placeable(text: &'static str) -> Option<(&'static str, &'static str)> {
    let text = text.trim_start();
    let end = match text.strip_prefix('"') {
        Some(quoted) => quoted.find('"')? + 2,
        None => text.find([' ', '}'])?,
    };
    Some((&text[..end], text[end..].trim_start().strip_prefix('}')?))
}

#[cfg(test)]
#[path = "said_tests.rs"]
mod tests;
