//! The scripts of a file.

use toml::de::DeTable;

use super::Ground;
use super::reading::{Reading, Value};
use super::writing::{escaped, key, line, quoted};
use crate::desk::policy::script::{MAX_NEVER, MAX_NEVERS, MAX_SAY, Script, Scripts};

pub fn take(scripts: &mut Scripts, reading: &mut Reading, table: &DeTable, ground: &Ground) {
    reading.keys(table, &["queue", "category"]);
    reading.section(table, "queue", |reading, queues| {
        for (queue, value) in queues {
            let script = script(reading, value);
            scripts.queues.extend(script.map(|script| (queue.get_ref().as_ref().into(), script)));
        }
    });
    reading.section(table, "category", |reading, categories| {
        let known: Vec<&str> = ground.policy.categories.iter().map(String::as_str).collect();
        reading.keys(categories, &known);
        for (category, value) in categories {
            let script = script(reading, value);
            scripts.categories.extend(script.map(|script| (category.get_ref().to_string(), script)));
        }
    });
}

const SAY: &str = "您好，这里是售后服务";
const NEVER: &str = "今天一定修好";

fn script(reading: &mut Reading, value: &Value) -> Option<Script> {
    let table = reading.table(value)?;
    reading.keys(table, &["say", "never"]);
    let mut script = Script::default();
    reading.set(table, "say", &mut script.say, |reading, value| words(reading, value, SAY, MAX_SAY));
    reading.set(table, "never", &mut script.never, |reading, value| {
        let list = reading.list(value, "[\"今天一定修好\"]")?;
        if list.len() > MAX_NEVERS {
            return reading.wrong(&value.span(), format!("nobody keeps more than {MAX_NEVERS} of these in mind"));
        }
        Some(list.iter().filter_map(|value| words(reading, value, NEVER, MAX_NEVER)).collect())
    });
    if !["say", "never"].iter().any(|key| table.contains_key(*key)) {
        let why = "a script has something to say, or never to say, as in say = \"您好，这里是售后服务\"";
        return reading.wrong(&value.span(), why);
    }
    Some(script)
}

fn words(reading: &mut Reading, value: &Value, example: &str, max: usize) -> Option<String> {
    let text = reading.text(value, example)?.trim();
    if text.is_empty() {
        return reading.wrong(&value.span(), "this is empty; write what it says, or leave it out");
    }
    if text.chars().count() > max {
        return reading.wrong(&value.span(), format!("this is longer than {max} characters; nobody reads so much"));
    }
    Some(text.to_owned())
}

pub fn write(out: &mut String, Scripts { queues, categories }: &Scripts) {
    let queues = queues.iter().map(|(queue, script)| ("queue", queue.as_str(), script));
    let categories = categories.iter().map(|(category, script)| ("category", category.as_str(), script));
    for (family, name, Script { say, never }) in queues.chain(categories) {
        line(out, "", format_args!("\n[script.{family}.{}]", key(name)));
        match say.contains('\n') {
            _ if say.is_empty() => {}
            true => {
                let lines: Vec<String> = say.split('\n').map(escaped).collect();
                line(out, "", format_args!("say = \"\"\"\n{}\"\"\"", lines.join("\n")));
            }
            false => line(out, "", format_args!("say = {}", quoted(say))),
        }
        if !never.is_empty() {
            let never: Vec<String> = never.iter().map(|text| quoted(text)).collect();
            line(out, "", format_args!("never = [{}]", never.join(", ")));
        }
    }
}
