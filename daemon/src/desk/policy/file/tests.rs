use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::QueueName;
use crate::desk::calendar::{Calendar, Official, Week, china, ical};
use crate::desk::handling::Limits;
use crate::desk::looks::Rights;
use crate::desk::policy::{Script, Scripts, Standing, Subject};
use crate::desk::survey::{Asking, Scale};
use crate::number::Numbering;

fn policy() -> Policy {
    Policy::new(TimeZone::get("Asia/Shanghai").unwrap(), Numbering::new("CN", None))
}

fn read(text: &str) -> Result<Terms, Vec<Mistake>> {
    Terms::read(text, &policy())
}

fn mistakes(text: &str) -> Vec<String> {
    read(text).expect_err(text).iter().map(ToString::to_string).collect()
}

fn usual() -> Terms {
    policy().terms
}

#[test]
fn an_empty_file_is_the_terms_as_they_ship() {
    assert_eq!(read("").unwrap(), usual());
    assert_eq!(read(&usual().write()).unwrap(), usual());
}

#[test]
fn a_file_changes_what_it_says_and_nothing_else() {
    let text = r#"
[clock.missed_call]
within = "45m"
except = [
    { key_customer = true, priority = "urgent", within = "5m" },
    { category = "delivery", within = "1h 30m" },
]

[notices]
quiet = "22:00-07:00"

[ladder.told]
reminder = ["owner", "supervisor"]

[calendar.site]
monday = "09:00-12:00 13:30-18:00"
tuesday = "09:00-18:00"
wednesday = "09:00-18:00"
thursday = "09:00-18:00"
friday = "09:00-18:00"
saturday = "closed"
sunday = "closed"
holidays = "CN"
dates = { "2026-12-31" = "09:00-12:00" }

[calendar.site.year.2027]
off = ["2027-01-01 元旦", "2027-02-06"]
work = ["2027-01-03"]

[calendar.night]
make_up = "22:00-06:00"

[queues]
"夜班" = "night"
"#;
    let terms = read(text).unwrap();
    let rule = terms.clocks.rule(ClockKind::MissedCall);
    assert_eq!((rule.target, rule.hours), (Target::Within { ms: 45 * 60_000 }, Hours::Open));
    assert_eq!(rule.except.iter().map(|one| one.within_ms / 60_000).collect::<Vec<_>>(), [5, 90]);
    assert_eq!(rule.except[0].when.priority, Some(Priority::Urgent));
    assert_eq!(terms.clocks.rule(ClockKind::Resolution), usual().clocks.rule(ClockKind::Resolution));
    assert_eq!(terms.notices.digest_from, usual().notices.digest_from);
    assert_eq!(terms.notices.told[&Rung::Reminder], BTreeSet::from([Recipient::Owner, Recipient::Supervisor]));
    assert_eq!(terms.notices.told[&Rung::Escalated], BTreeSet::from([Recipient::Manager]));
    let site = &terms.calendars[Terms::SITE];
    assert_eq!(site.hours_of(date(2026, 11, 23)).to_string(), "09:00-12:00 13:30-18:00");
    assert_eq!(site.hours_of(date(2026, 12, 31)).to_string(), "09:00-12:00");
    assert!(site.hours_of(date(2026, 10, 1)).is_empty());
    assert!(site.hours_of(date(2027, 1, 1)).is_empty());
    assert_eq!(site.hours_of(date(2027, 1, 3)).to_string(), "09:00-12:00 13:30-18:00");
    let night = &terms.calendars[&terms.queues[&QueueName::from("夜班")]];
    assert_eq!(night.hours_of(date(2027, 1, 3)).to_string(), "22:00-06:00");
    assert_eq!(night.hours_of(date(2026, 11, 24)).to_string(), "09:00-18:00", "as the site's");
    assert_eq!(read(&terms.write()).unwrap(), terms);
}

#[test]
fn the_first_row_that_fits_says_who_answers_for_a_matter() {
    let text = "[calendar.office]\nholidays = \"CN\"\n[departments]\n\"品质部\" = \"office\"\nstores = \"site\"\n\
                [[responsibility]]\nkind = \"complaint\"\ncategory = \"product_quality\"\ndepartment = \"品质部\"\n\
                [[responsibility]]\nkind = \"complaint\"\ndepartment = \"stores\"\n";
    let terms = read(text).unwrap();
    let who = |kind: Kind, category: &str| {
        terms
            .responsible(&Subject { kind, category: category.into(), ..Subject::default() })
            .map(DepartmentName::as_str)
    };
    assert_eq!(who(Kind::Complaint, "product_quality"), Some("品质部"));
    assert_eq!(who(Kind::Complaint, "delivery"), Some("stores"));
    assert_eq!(who(Kind::Consultation, "product_quality"), None);
    assert_eq!(read(&terms.write()).unwrap(), terms);
    assert_eq!(
        mistakes("[departments]\nstores = \"offfice\"\n[[responsibility]]\nkind = \"complaint\"\n"),
        [
            "2:10: \"offfice\" is not known here; there are: site",
            "3:1: there is no department yet; name them, as in [departments] with \"品质部\" = \"site\"",
        ]
    );
    let departed = text.replace("department = \"stores\"", "department = \"store\"");
    assert_eq!(
        mistakes(&departed),
        ["12:14: \"store\" is not known here; did you mean \"stores\"? There are: stores, 品质部"]
    );
}

#[test]
fn scripts_say_what_is_said_to_a_queue_and_what_never() {
    let text = "[script.queue.\"售后\"]\nsay = \"\"\"\n您好，售后服务。\n请问怎么称呼？\n\"\"\"\nnever = [\"今天一定修好\"]\n\
                [script.category.delivery]\nsay = \"先查物流单号\"\n";
    let terms = read(text).unwrap();
    let after = &terms.scripts.queues[&QueueName::from("售后")];
    assert_eq!(
        (after.say.as_str(), &after.never[..]),
        ("您好，售后服务。\n请问怎么称呼？", &["今天一定修好".to_owned()][..])
    );
    assert_eq!(terms.scripts.categories["delivery"].say, "先查物流单号");
    assert_eq!(read(&terms.write()).unwrap(), terms);
    let changed = changes(&usual(), &terms);
    assert_eq!(changed[0].key, "script.category.delivery.say");
    let long = "长".repeat(401);
    let wrong = format!(
        "[script.queue.a]\nsay = \"{long}\"\n[script.queue.b]\nsays = \"x\"\n[script.category.delivry]\nsay = \"x\"\n\
         [script.queue.c]\nnever = [\" \", 3]\n"
    );
    let told = mistakes(&wrong);
    let places: Vec<&str> = told.iter().map(|told| told.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["2:7", "3:1", "4:1", "5:18", "8:10", "8:15"], "{told:#?}");
    assert!(told[3].contains("did you mean \"delivery\"?"), "{told:#?}");
}

#[test]
fn every_mistake_is_told_where_it_stands() {
    let text = "[clock.missed_cal]\nwithin = \"30m\"\n\n[clock.filing]\nwithn = \"1h\"\nhours = \"opne\"\n\
                within = \"half a day\"\nmay_pause = \"yes\"\n[laddr]\n";
    assert_eq!(
        mistakes(text),
        [
            "1:8: \"missed_cal\" is not known here; did you mean \"missed_call\"? There are: missed_call, \
             first_response, acceptance, resolution, promise, filing, return_visit, spot_check, hand_over",
            "5:1: \"withn\" is not known here; did you mean \"within\"? There are: within, hours, kinds, may_pause, except",
            "6:9: \"opne\" is not known here; did you mean \"open\"? There are: all, open",
            "7:10: \"half a day\" is no length of time; write it as in \"30m\", \"24h\", \"1h 30m\" or \"10s\"",
            "8:13: this is true or false, without quotes",
            "9:2: \"laddr\" is not known here; did you mean \"ladder\"? There are: clock, ladder, notices, callback, \
             customers, survey, spot_check, remedies, calendar, queues, departments, responsibility, script, rights",
        ]
    );
}

#[test]
fn exceptions_may_go_by_the_sites_classes_of_customers() {
    let text =
        "[clock.missed_call]\nexcept = [{ class = \"金卡\", within = \"5m\" }]\n[customers]\nclasses = [\"金卡\"]\n";
    let terms = read(text).unwrap();
    let standing = Standing { class: "金卡".into(), ..Standing::default() };
    let minutes = |standing: Standing| match terms
        .clocks
        .rule(ClockKind::MissedCall)
        .target(&Subject { standing, ..Subject::default() })
    {
        Target::Within { ms } => ms / 60_000,
        Target::EndOfMonth | Target::Promised => panic!(),
    };
    assert_eq!((minutes(standing), minutes(Standing::default())), (5, 30));
    assert_eq!(
        mistakes("[clock.missed_call]\nexcept = [{ class = \"gold\", within = \"5m\" }]\n"),
        ["2:21: there is no class of customers yet; name them, as in [customers] with classes = [\"vip\"]"]
    );
    let wrong = "[clock.missed_call]\nexcept = [{ class = \"glod\", within = \"5m\" }]\n\
                 [customers]\nclasses = [\"gold\", \"gold\", \" \", \"a class that is a sentence\"]\n";
    let why = "a class is a word of up to 20 letters, named once, as in [\"vip\", \"partner\"]";
    assert_eq!(
        mistakes(wrong),
        [
            "2:21: \"glod\" is not known here; did you mean \"gold\"? There are: gold".to_owned(),
            format!("4:20: {why}"),
            format!("4:28: {why}"),
            format!("4:33: {why}"),
        ]
    );
}

#[test]
fn what_would_be_right_is_said() {
    let one = |text: &str, place: &str, part: &str| {
        let told = mistakes(text);
        let [only] = &told[..] else { panic!("{told:?}") };
        assert!(only.starts_with(&format!("{place}: ")) && only.contains(part), "{only}");
    };
    one("[clock.filing]\nwithin = 5", "2:10", "a text in quotes");
    one("[clock.filing]\nwithin = \"0m\"", "2:10", "no length of time");
    one("[clock.filing]\nwithin = \"400d\"", "2:10", "longer than a year");
    one("[clock.filing]\nwithin = \"99999999999999h\"", "2:10", "no length of time");
    one("[clock.filing]\nwithin = \"promised\"", "2:10", "only a promise");
    one("[clock.promise]\nwithin = \"2h\"", "2:10", "when it was promised");
    one("[clock.filing]\nexcept = [{ within = \"1h\" }]", "2:11", "for which matters");
    one("[clock.filing]\nexcept = [{ kind = \"complaint\" }]", "2:11", "what they are given");
    one("[clock.filing]\nexcept = [{ category = \"delivry\", within = \"1h\" }]", "2:24", "\"delivery\"");
    one("clock = 3", "1:9", "a section");
    one("[ladder]\nreminder_percent = 101", "2:20", "from 1 to 100");
    one("[ladder.told]\ndue = \"owner\"", "2:7", "a list");
    one("[ladder.told]\ndue = [\"boss\"]", "2:8", "owner, supervisor, manager");
    one("[notices]\nquiet = \"22-7\"", "2:9", "09:00-12:00");
    one("[calendar.site]\nsaturday = \"closed\"", "2:1", "missing: monday, tuesday");
    one("[calendar.site]\nholidays = \"cn\"", "2:12", "did you mean \"CN\"");
    one("[calendar.site.dates]\n\"2026-02-30\" = \"closed\"", "2:1", "no date");
    one("[calendar.site]\nyear.2027.off = []", "2:6", "\"none\"");
    one("[calendar.site]\nholidays = \"CN\"\nyear.2027.off = [\"2026-01-01\"]", "3:18", "not in 2027");
    one(
        "[calendar.site]\nholidays = \"CN\"\nyear.2027 = { off = [\"2027-01-01\"], work = [\"2027-01-01\"] }",
        "3:45",
        "at once",
    );
    one("[queues]\nsupport = \"nigth\"", "2:11", "there are: site");
    one("[callback]\nattempts = 0", "2:12", "from 1 to 100");
    one(&"#\n".repeat(MAX_TEXT_BYTES), "1:1", "64 KiB");
    let closed = "monday = \"closed\"\ntuesday = \"closed\"\nwednesday = \"closed\"\nthursday = \"closed\"\n\
                  friday = \"closed\"\nsaturday = \"closed\"\nsunday = \"closed\"";
    one(&format!("[calendar.site]\n{closed}"), "1:11", "no hours at all");
}

/// What people write who are not used to it, where it stands, and what they are told; once each.
#[test]
fn slips_of_writing_are_told_in_our_words() {
    let quoted = "stands without quotes";
    let slips = [
        ("[clock.filing]\nwithin = 30m\nhours = \"all\"", "2:10", quoted),
        ("[clock.filing]\nwithin = 1h 30m", "2:10", quoted),
        ("[calendar.site]\nmonday = 09:00-12:00", "2:10", quoted),
        ("[clock.filing]\nmay_pause = yes", "2:13", quoted),
        ("[clock.filing]\nkinds = complaint, other", "2:9", quoted),
        ("[clock.filing]\nmay_pause = True", "2:13", "small letters"),
        ("[clock.filing]\nwithin = \"1h", "2:13", "the quote at its end is missing"),
        ("[clock.filing]\nwithin = '1h\nhours = \"all\"", "2:13", "the quote at its end is missing"),
        ("[clock.filing]\nwithin = \"\"\"1h\nhours = \"all\"\n", "4:1", "three quotes"),
        ("[clock.filing]\nwithin = \"1\\h\"", "2:13", "backslash"),
        ("[clock.filing]\nwithin = “30m”", "2:10", "“ is a full-width mark; write \""),
        ("[clock.filing]\nwithin ＝ \"30m\"", "2:8", "＝ is a full-width mark; write ="),
        ("[clock.filing]\nwithin： \"30m\"", "2:7", "： is a full-width mark; write ="),
        ("[clock.filing]\nkinds = [\"complaint\"， \"other\"]", "2:21", "， is a full-width mark; write ,"),
        ("【clock.filing】\nwithin = \"1h\"", "1:1", "【 is a full-width mark; write ["),
        ("[clock.filing]\n\u{3000}within = \"1h\"", "2:1", "no plain space"),
        ("[clock.filing]\nwithin = \"1h，\" within", "2:16", "nothing more"),
        ("[clock.filing]\nwithin = \"1h\";", "2:14", "nothing more"),
        ("[clock.filing]\nwithin = \"1h\" // note", "2:15", "begins with #"),
        ("// note\n[clock.filing]", "1:1", "begins with #"),
        ("[clock.filing]\nwithin \"30m\"", "2:8", "= is missing"),
        ("[clock.filing]\nwithin: \"30m\"", "2:7", "= is missing"),
        ("[clock.filing]\nwithin", "2:7", "= is missing"),
        ("[clock.filing]\nexcept = [{ kind: \"other\", within = \"1h\" }]", "2:17", "= is missing"),
        ("[clock.filing]\nwithin == \"1h\"", "2:9", "one = is enough"),
        ("[clock.filing]\nwithin =\nhours = \"all\"", "2:9", "the value is missing"),
        ("[clock.filing\nwithin = \"1h\"", "1:14", "stands in brackets"),
        ("clock.filing]\nwithin = \"1h\"", "1:13", "stands in brackets"),
        ("[clock filing]\nwithin = \"1h\"", "1:7", "stands in brackets"),
        ("[]", "1:2", "a name is missing"),
        ("[clock.filing]\nwithin = \"1h\"\nwithin = \"2h\"", "3:1", "\"within\" is written a second time"),
        ("[clock.filing]\n[ladder]\n[clock.filing]", "3:8", "\"filing\" is written a second time"),
        (
            "[clock.filing]\nkinds = [\"complaint\", \"other\"\n\n[ladder]\n",
            "2:30",
            "a comma is missing here, or the ]",
        ),
        ("[clock.filing]\nkinds = [\"complaint\" \"other\"]", "2:21", "a comma is missing"),
        ("[clock.filing]\nexcept = [{ kind = \"other\" within = \"1h\" }]", "2:27", "a comma is missing"),
        ("[clock.filing]\nexcept = [{ kind = \"other\", within = \"1h\" ]", "2:42", "a comma is missing"),
        ("[queues]\n售后 = \"site\"", "2:1", "\"售后\" needs quotes"),
        ("[calendar.夜班]\nmake_up = \"closed\"", "1:11", "\"夜班\" needs quotes"),
        ("[ladder]\nreminder_percent = 080", "2:20", "not written as TOML is (unexpected leading zero"),
    ];
    let fits = |told: &[String], place: &str, why: &str| matches!(told, [only] if only.starts_with(&format!("{place}: ")) && only.contains(why));
    let told = slips.map(|(text, place, why)| (text, place, why, mistakes(text)));
    let wrong: Vec<_> = told.iter().filter(|(_, place, why, told)| !fits(told, place, why)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let two = mistakes("[clock.filing]\nwithin = 30m\nhours = all");
    assert_eq!(two.len(), 2, "each line's slip is told: {two:#?}");
}

#[test]
fn what_changes_is_told_by_its_place_in_the_file() {
    let text = "[clock.filing]\nwithin = \"8h\"\n[queues]\nsupport = \"site\"\n[clock.missed_call]\nexcept = []";
    let changed = changes(&usual(), &read(text).unwrap());
    let told: Vec<(&str, Option<&str>, Option<&str>)> =
        changed.iter().map(|c| (c.key.as_str(), c.was.as_deref(), c.will_be.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("clock.filing.within", Some("\"24h\""), Some("\"8h\"")),
            ("clock.missed_call.except", Some("[{ key_customer = true, within = \"10m\" }]"), Some("[]")),
            ("queues.support", None, Some("\"site\"")),
        ]
    );
    assert_eq!(changes(&usual(), &usual()), []);
}

#[test]
fn a_year_is_put_into_a_text_that_keeps_its_comments() {
    let ics = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270101\r\nSUMMARY:元旦（休）\r\nEND:VEVENT\r\n\
               BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270103\r\nSUMMARY:元旦（班）\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let table = &ical::read(ics).unwrap().tables[&2027];
    let text = "# ours\n[calendar.site]\nholidays = \"CN\"\n\n[notices]\ndigest_from = 7 # many";
    let with = with_year(text, "site", 2027, table);
    assert!(with.starts_with(text), "{with}");
    let official = read(&with).unwrap().calendars["site"].official.clone().unwrap();
    assert_eq!(official.keys().copied().collect::<Vec<_>>(), [2026, 2027]);
    assert_eq!(&official[&2027], table);
    // Put in once more, in the midst of others: in its place.
    let more = format!("{with}\n[spot_check]\npercent = 3\n");
    let other = Official { make_up_days: BTreeSet::from([date(2027, 2, 7)]), ..Official::default() };
    let again = with_year(&more, "site", 2027, &other);
    let terms = read(&again).unwrap();
    assert_eq!(terms.calendars["site"].official.as_ref().unwrap()[&2027], other);
    assert_eq!((terms.spot_check_percent, terms.notices.digest_from), (3, 7));
}

#[test]
fn scores_are_from_one_to_five_and_the_better_is_the_higher() {
    let terms = read("[survey]\nscale = \"scores\"\nsatisfied_from = 5\nfairly_from = 3\n").unwrap();
    assert_eq!(terms.asking, Asking { scale: Scale::Scores, satisfied_from: 5, fairly_from: 3 });
    let found = mistakes("[survey]\nscale = \"stars\"\nsatisfied_from = 6\nfairly_from = 5\n");
    let places: Vec<&str> = found.iter().map(|mistake| mistake.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["2:9", "3:18", "4:15"], "{found:#?}");
}

#[test]
fn a_half_written_week_hides_no_other_mistake() {
    let found = mistakes("[calendar.site]\nmonday = \"9 to 5\"\ntuesday = \"closed\"\nsunday = 3\n");
    let places: Vec<&str> = found.iter().map(|mistake| mistake.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["2:1", "2:10", "4:10"], "{found:#?}");
    assert!(found[0].contains("missing: wednesday, thursday, friday, saturday"), "{found:#?}");
}

#[test]
fn all_that_deadlines_are_reckoned_from_is_in_the_full_text() {
    let cn = read("[calendar.site]\nholidays = \"CN\"").unwrap();
    assert_ne!(cn.in_full(), usual().in_full());
    let elsewhere = Policy::new(TimeZone::get("Asia/Urumqi").unwrap(), Numbering::new("CN", None));
    assert_ne!(elsewhere.terms.in_full(), usual().in_full(), "the zone is not in the file, and counts");
    let mut next_year = cn.clone();
    let site = next_year.calendars.get_mut(Terms::SITE).unwrap();
    site.official.as_mut().unwrap().insert(2027, Official::default());
    assert_ne!(cn.in_full(), next_year.in_full());
}

fn slots() -> impl Strategy<Value = Slots> {
    let text = prop::sample::select(vec![
        "closed",
        "00:00-24:00",
        "09:00-12:00 13:30-18:00",
        "22:00-06:00",
        "08:00-24:00",
        "08:00-12:00 20:00-02:00",
    ]);
    text.prop_map(|text| text.parse().unwrap())
}

fn day() -> impl Strategy<Value = Date> {
    (0i32..365 * 3).prop_map(|days| date(2026, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap())
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["night", "Sales 2", "夜班", "a.b", "x\"y\\z", "tab\there", "-"]).prop_map(str::to_owned)
}

/// Any table of holidays, those that ship among them.
fn official() -> impl Strategy<Value = Option<BTreeMap<i16, Official>>> {
    let own = prop::collection::vec((day(), name(), any::<bool>()), 0..6).prop_map(|days| {
        let mut tables: BTreeMap<i16, Official> = BTreeMap::new();
        for (day, name, works) in days {
            let table = tables.entry(day.year()).or_default();
            match works {
                true if !table.holidays.contains_key(&day) => drop(table.make_up_days.insert(day)),
                false if !table.make_up_days.contains(&day) => drop(table.holidays.insert(day, name.into())),
                _ => {}
            }
        }
        tables
    });
    (own, 0..3).prop_map(|(own, which)| match which {
        0 => None,
        1 => Some(own),
        _ => Some(china::tables().into_iter().chain(own).collect()),
    })
}

fn calendar() -> impl Strategy<Value = Calendar> {
    let dates = prop::collection::btree_map(day(), slots(), 0..3);
    (prop::array::uniform6(slots()), prop::option::of(slots()), official(), dates).prop_map(
        |([a, b, c, d, e, f], make_up, official, dates)| Calendar {
            zone: policy().zone,
            week: Week::new([a, b, c, d, e, f, "09:00-18:00".parse().unwrap()]),
            make_up,
            official,
            dates,
        },
    )
}

/// With what a name may hold.
const CLASSES: [&str; 3] = ["vip", "金卡", "a \"b\" \\ c"];

fn when() -> impl Strategy<Value = When> {
    let categories = prop::sample::select(policy().categories);
    (
        prop::option::of(prop::sample::select(Kind::ALL)),
        prop::option::of(categories),
        prop::option::of(prop::sample::select(Priority::ALL)),
        prop::option::of(prop::sample::select(Complexity::ALL)),
        prop::option::of(any::<bool>()),
        prop::option::of(0..CLASSES.len()),
    )
        .prop_map(|(kind, category, priority, complexity, key_customer, class)| When {
            kind,
            category,
            priority,
            complexity,
            key_customer,
            class: class.map(|nth| CLASSES[nth].to_owned()),
        })
        .prop_filter("fits some", |when| *when != When::default())
}

fn length_ms() -> impl Strategy<Value = i64> {
    prop_oneof![1i64..200, (1i64..3000).prop_map(|m| m * 60_000), 1i64..31_000_000_000]
}

fn rule(kind: ClockKind) -> impl Strategy<Value = (ClockKind, ClockRule)> {
    let except = (when(), length_ms()).prop_map(|(when, within_ms)| Exception { when, within_ms });
    let except = prop::collection::vec(except, 0..3);
    let kinds = prop::sample::subsequence(Kind::ALL, 0..=Kind::ALL.len());
    (prop::option::of(length_ms()), any::<bool>(), kinds, any::<bool>(), except).prop_map(
        move |(ms, open, kinds, may_pause, except)| {
            let kinds = kinds.into_iter().collect();
            let (target, except) = match (kind, ms) {
                (ClockKind::Promise, _) => (Target::Promised, Vec::new()),
                (_, Some(ms)) => (Target::Within { ms }, except),
                (_, None) => (Target::EndOfMonth, except),
            };
            let kinds = if kind == ClockKind::HandOver { Kind::ALL.iter().copied().collect() } else { kinds };
            (kind, ClockRule { target, hours: HOURS[usize::from(open)], kinds, may_pause, except })
        },
    )
}

/// With quotes, backslashes and lines in what is said.
fn scripts() -> impl Strategy<Value = Scripts> {
    let words = || prop::sample::select(vec!["您好", "a \"b\" \\c", "one\ntwo", "ends in \"", "tab\there"]);
    let never = || prop::collection::vec(words().prop_map(str::to_owned), 1..3);
    let script = || {
        let both = (words(), never()).prop_map(|(say, never)| Script { say: say.to_owned(), never });
        prop_oneof![both, never().prop_map(|never| Script { say: String::new(), never })]
    };
    let category = prop::sample::select(policy().categories);
    let queues = prop::collection::btree_map(name().prop_map(|name| name.as_str().into()), script(), 0..3);
    let categories = prop::collection::btree_map(category, script(), 0..3);
    (queues, categories).prop_map(|(queues, categories)| Scripts { queues, categories })
}

fn terms() -> impl Strategy<Value = Terms> {
    let clocks = ClockKind::ALL.iter().map(|kind| rule(*kind)).collect::<Vec<_>>();
    let told = prop::collection::btree_set(prop::sample::select(Recipient::ALL), 0..3);
    let named = prop::collection::btree_map(name(), calendar(), 0..3);
    let figures = (1i64..=100, length_ms(), 2usize..100_000, 1u32..=100, 1u32..=100, 0u8..=100);
    let names = (name(), scripts());
    (clocks, calendar(), named, prop::array::uniform3(told), slots(), figures, (length_ms(), length_ms()), names)
        .prop_map(|(clocks, site, mut calendars, told, quiet, figures, (talk_ms, claim_ms), (queue, scripts))| {
            let (reminder_percent, escalated_after_ms, digest_from, attempts, days, spot_check_percent) = figures;
            let queues = calendars.keys().next().map(|calendar| (queue.as_str().into(), calendar.clone()));
            let queues = queues.into_iter().collect();
            let departments: BTreeMap<DepartmentName, String> = calendars
                .keys()
                .rev()
                .map(|calendar| (format!("{queue} {calendar}").as_str().into(), calendar.clone()))
                .collect();
            let row = |(nth, department): (usize, &DepartmentName)| Responsible {
                kind: Kind::ALL.get(nth).copied(),
                category: (nth == 1).then(|| "delivery".to_owned()),
                department: department.clone(),
            };
            let responsibility = departments.keys().enumerate().map(row).collect();
            calendars.insert(Terms::SITE.to_owned(), site);
            Terms {
                clocks: Clocks::new(clocks.into_iter().collect()).unwrap(),
                calendars,
                queues,
                departments,
                responsibility,
                steps: Steps { reminder_percent, escalated_after_ms },
                notices: Notices { told: Rung::ALL.iter().copied().zip(told).collect(), quiet, digest_from },
                callback: Callback { talk_ms, attempts, days, claim_ms },
                classes: CLASSES.map(String::from).into(),
                asking: Asking {
                    scale: Scale::ALL[usize::from(spot_check_percent % 2)],
                    satisfied_from: 5,
                    fairly_from: 2,
                },
                spot_check_percent,
                remedies: Limits {
                    free_cents: i64::from(spot_check_percent) * 100,
                    supervisor_cents: i64::from(spot_check_percent) * 1_000,
                },
                scripts,
                rights: Rights { mask_numbers_for: Role::ALL.iter().copied().take(days as usize % 3).collect() },
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_as_the_same(terms in terms()) {
        prop_assert_eq!(read(&terms.write()), Ok(terms));
    }

    /// Whatever stands there, a mistake has a place in it.
    #[test]
    fn torn_files_are_refused_with_a_place_in_them(cut in 0usize..4000, put in "[\\[\\]{}\"=.a-z0-9 \\n]{0,6}") {
        let whole = usual().write();
        let mut cut = cut.min(whole.len());
        while !whole.is_char_boundary(cut) { cut -= 1; }
        let text = format!("{}{put}", &whole[..cut]);
        if let Err(mistakes) = read(&text) {
            prop_assert!(!mistakes.is_empty());
            for mistake in mistakes {
                prop_assert!(mistake.line >= 1 && mistake.line <= text.lines().count() + 1, "{}", mistake);
            }
        }
    }
}
