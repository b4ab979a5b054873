//! Every word that people read, in each language, from the fluent files in `texts/`.

use std::fmt;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

/// A language that the pages speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    ZhCn,
    En,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::ZhCn, Language::En];

    /// The tag for `lang=""`, cookies and the store.
    pub fn tag(self) -> &'static str {
        match self {
            Language::ZhCn => "zh-CN",
            Language::En => "en",
        }
    }

    /// The language's name in itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Language::ZhCn => "简体中文",
            Language::En => "English",
        }
    }

    pub fn parse(tag: &str) -> Option<Language> {
        Language::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The first language of an `Accept-Language` header that we speak. Browsers send them by
    /// falling preference, so the weights need not be read.
    pub fn accepted(header: &str) -> Option<Language> {
        header.split(',').find_map(|range| {
            let tag = range.split(';').next()?.trim();
            match tag.split('-').next()? {
                "zh" => Some(Language::ZhCn),
                "en" => Some(Language::En),
                _ => None,
            }
        })
    }

    /// The words of `key`, with the values that it names filled in. A key that does not exist is
    /// shown as itself; a test keeps that from happening.
    pub fn say(self, key: &str, values: &[(&str, &dyn fmt::Display)]) -> String {
        let bundle = match self {
            Language::ZhCn => &*ZH_CN,
            Language::En => &*EN,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            tracing::error!(key, language = self.tag(), "a text is missing");
            return key.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            let text = value.to_string();
            // Whole numbers choose plural forms; everything else is text.
            let value = match text.parse::<i64>() {
                Ok(number) if text.len() < 7 => FluentValue::from(number),
                Ok(_) | Err(_) => FluentValue::from(text),
            };
            args.set(*name, value);
        }
        bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }
}

type Bundle = FluentBundle<FluentResource>;

static ZH_CN: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::ZhCn, include_str!("../texts/zh-CN.ftl")));
static EN: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::En, include_str!("../texts/en.ftl")));

fn bundle(language: Language, source: &str) -> Bundle {
    let tag = language.tag().parse().expect("our own tags are well-formed");
    let mut bundle = FluentBundle::new_concurrent(vec![tag]);
    // Isolation marks would end up in titles, notifications and copied numbers.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(_, errors)| {
        panic!("texts/{}.ftl: {errors:?}", language.tag());
    });
    bundle.add_resource(resource).unwrap_or_else(|errors| panic!("texts/{}.ftl: {errors:?}", language.tag()));
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use super::*;

    /// Key → the names of its values.
    fn keys(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut key = String::new();
        for line in source.lines().filter(|l| !l.starts_with('#')) {
            if let Some((name, _)) =
                line.split_once(" =").filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase()))
            {
                key = name.to_owned();
                assert!(all.insert(key.clone(), BTreeSet::new()).is_none(), "{key} is there twice");
            }
            for part in line.split('$').skip(1) {
                let name = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                all.get_mut(&key).expect("a value before any key").insert(name);
            }
        }
        all
    }

    #[test]
    fn both_languages_have_the_same_keys_and_values() {
        let zh = keys(include_str!("../texts/zh-CN.ftl"));
        let en = keys(include_str!("../texts/en.ftl"));
        for (key, values) in &zh {
            assert_eq!(en.get(key), Some(values), "{key} in English");
        }
        for key in en.keys() {
            assert!(zh.contains_key(key), "{key} is missing in Chinese");
        }
    }

    #[test]
    fn every_key_that_is_used_exists_and_every_key_is_used() {
        let known = keys(include_str!("../texts/zh-CN.ftl"));
        let mut sources = String::new();
        read_all(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").as_path(), &mut sources);
        read_all(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path(), &mut sources);
        // Keys made of a fixed beginning and the word of a closed enum.
        let mut families: BTreeSet<&str> = quoted_after(&sources, "word(").collect();
        // Sentences of the daemon that are found again by their English.
        families.extend(["said", "detail"]);
        let used: BTreeSet<&str> =
            ["say(", "say1(", "say2("].into_iter().flat_map(|opening| quoted_after(&sources, opening)).collect();
        for key in &used {
            assert!(known.contains_key(*key), "{key} is used and not there");
        }
        for key in known.keys() {
            let of_family = families.iter().any(|family| key.starts_with(&format!("{family}-")));
            assert!(used.contains(key.as_str()) || of_family, "{key} is never used");
        }
    }

    #[test]
    fn the_first_language_that_we_speak_is_chosen() {
        assert_eq!(Language::accepted("fr-FR,en-GB;q=0.8,zh;q=0.5"), Some(Language::En));
        assert_eq!(Language::accepted("zh-Hans-CN, en"), Some(Language::ZhCn));
        assert_eq!(Language::accepted("fr"), None);
    }

    #[test]
    fn values_are_filled_in_without_isolation_marks() {
        let text = Language::ZhCn.say("title-overdue", &[("count", &2), ("page", &"工作台")]);
        assert!(text.contains('2') && text.contains("工作台") && !text.contains('\u{2068}'), "{text}");
    }

    fn quoted_after<'a>(source: &'a str, opening: &'a str) -> impl Iterator<Item = &'a str> {
        source.split(opening).skip(1).filter_map(|rest| {
            let (key, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
            key.starts_with(|c: char| c.is_ascii_lowercase()).then_some(key)
        })
    }

    fn read_all(folder: &Path, into: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder of this crate") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                read_all(&path, into);
            } else if !path.ends_with("text.rs") {
                into.push_str(&std::fs::read_to_string(&path).expect("a text file"));
            }
        }
    }
}
