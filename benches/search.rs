//! Words in a million matters: how long a search takes, for rare and for common words, for who sees
//! everything and for an agent; and how long it takes to take an old store into the index.
//! `cargo bench --bench search -- --tickets 1000000`

mod told;

use std::time::{Duration, Instant};

use daemon::PersonId;
use daemon::config::Config;
use daemon::store::Store;
use daemon::store::read::{Seek, Seer, Theirs};
use rusqlite::{Connection, params};
use told::tell;

/// Of every hundred matters one is open.
const OPEN_PERCENT: i64 = 1;
/// Whose they are, in turn.
const PEOPLE: i64 = 200;
/// What a list shows.
const LISTED: u32 = 200;
/// Each question is asked so often.
const ASKED: usize = 20;

/// A character in nearly all, words in a few hundredths, and one that is in a single matter.
const WORDS: [&str; 12] = [
    "客",
    "客户",
    "冰箱",
    "制",
    "三次维修后仍不制冷",
    "杭州 冰箱 压缩机",
    "bcd",
    "D26",
    "5827",
    "13800012345",
    "麒麟",
    "客户 5827",
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let asked = args.iter().position(|arg| arg == "--tickets").and_then(|at| args.get(at + 1)?.parse().ok());
    let tickets: i64 = asked.unwrap_or(1_000_000);
    let dir = tempfile::tempdir().expect("a directory");
    let open = || Store::open(dir.path(), daemon::policy(&Config::without_file())).expect("a store");
    drop(open());
    let mut db = Connection::open(dir.path().join("ringback.sqlite")).expect("the store");
    furnish(&mut db, tickets);
    // As one that another version made.
    db.execute("UPDATE search_state SET version = 0", []).expect("the index's state");
    drop(db);
    let begun = Instant::now();
    let mut store = open();
    println!("a start over {tickets} matters that are in no index takes {:?}", begun.elapsed());
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    loop {
        let piece = Instant::now();
        let more = store.together(|writing| writing.take_older()).expect("a piece");
        longest = longest.max(piece.elapsed());
        if !more {
            break;
        }
    }
    println!("all are in the index after {:?} of work, the longest piece {longest:?}", begun.elapsed());
    drop(store);
    let begun = Instant::now();
    let store = open();
    println!("the next start takes {:?}", begun.elapsed());
    let bytes = std::fs::metadata(dir.path().join("ringback.sqlite")).expect("the store").len();
    println!("the store is {} MiB", bytes >> 20);
    let reader = store.reader().expect("a reader");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut worst = 0.0_f64;
    for by in [Seer::All, Seer::These(Theirs { people: vec![PersonId(7)], nobodys: true, ..Theirs::default() })] {
        for text in WORDS {
            let ask = || {
                let seek = Seek { text: text.to_owned(), open: None, by: by.clone(), limit: LISTED };
                let begun = Instant::now();
                let found = runtime.block_on(reader.seek(seek)).expect("an answer").found.len();
                (begun.elapsed(), found)
            };
            let mut times: Vec<_> = (0..ASKED).map(|_| ask()).collect();
            times.sort();
            let (median, found) = times[ASKED / 2];
            let ms = median.as_secs_f64() * 1000.0;
            worst = worst.max(ms);
            println!(
                "  {ms:8.2} ms, {found:3} found: {text} ({})",
                if matches!(by, Seer::All) { "all" } else { "one's own" }
            );
        }
    }
    tell("the slowest search's median", worst, "ms", "≤ 100", worst <= 100.0);
}

/// Matters as people write them: some sentences made of words by their number.
fn furnish(db: &mut Connection, tickets: i64) {
    let transaction = db.transaction().expect("a transaction");
    for id in 1..=PEOPLE {
        transaction
            .execute(
                "INSERT INTO people (id, login, name, role, password_hash, active, created_at_ms)
                 VALUES (?1, ?1, ?1, 'agent', '', 1, 0)",
                [id],
            )
            .expect("a person");
    }
    for nth in 1..=tickets {
        let (summary, course, demand) = texts(nth);
        let is_open = nth % 100 < OPEN_PERCENT;
        transaction
            .prepare_cached(
                "INSERT INTO tickets (id, number, day, nth, kind, category, priority, summary, course, demand, state,
                    is_open, owner, caller, opened_at_ms, version)
                 VALUES (?1, ?2, ?3, ?4, 'complaint', '', 'normal', ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, 1)",
            )
            .and_then(|mut sql| {
                let (day, of_day) = (20_200_101 + nth / 1000, nth % 1000);
                sql.execute(params![
                    1000 + nth,
                    format!("{day}-{of_day:04}"),
                    day,
                    of_day,
                    summary,
                    course,
                    demand,
                    if is_open { "in_progress" } else { "closed" },
                    is_open,
                    nth % PEOPLE + 1,
                    format!("+86138{nth:08}"),
                ])
            })
            .expect("a ticket");
    }
    transaction.commit().expect("the matters");
}

fn texts(nth: i64) -> (String, String, String) {
    const THINGS: [&str; 16] = [
        "冰箱",
        "洗衣机",
        "空调",
        "热水器",
        "油烟机",
        "燃气灶",
        "电视机",
        "净水器",
        "微波炉",
        "洗碗机",
        "扫地机",
        "吹风机",
        "电饭煲",
        "豆浆机",
        "加湿器",
        "取暖器",
    ];
    const FAULTS: [&str; 12] = [
        "三次维修后仍不制冷",
        "噪音大",
        "漏水",
        "不通电",
        "显示屏不亮",
        "门封漏风",
        "压缩机异响",
        "按键失灵",
        "有焦味",
        "排水慢",
        "遥控器不响应",
        "外壳划伤",
    ];
    const PLACES: [&str; 10] = ["杭州", "宁波", "苏州", "南京", "合肥", "武汉", "成都", "广州", "西安", "沈阳"];
    const WISHES: [&str; 6] = ["更换同型号新机", "退货退款", "三天内修好", "补偿食材损失", "书面道歉", "延长保修"];
    let mix = |salt: i64, of: usize| {
        (nth.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64.cast_signed() ^ salt) >> 33).unsigned_abs() as usize % of
    };
    let (thing, fault, place) = (THINGS[mix(1, 16)], FAULTS[mix(2, 12)], PLACES[mix(3, 10)]);
    let rare = if nth % 900_001 == 500_000 { "麒麟" } else { "" };
    let summary = format!("{thing}{fault}{rare}");
    let course = format!(
        "客户在{place}购买的{thing}，型号 BCD-{}，订单 D{}-{}，{}月安装后{fault}，约好上门两次师傅都没有到，客户家里有老人，要求尽快处理，联系时请拨打本机。",
        400 + mix(4, 300),
        2600 + mix(5, 12),
        100_000 + mix(6, 900_000),
        1 + mix(7, 12),
    );
    (summary, course, WISHES[mix(8, 6)].to_owned())
}
