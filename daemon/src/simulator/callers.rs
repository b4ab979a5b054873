//! Who calls: regulars, strangers, and some who withhold their number.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::Regular;
use super::ami::Party;

/// Draws the next caller.
pub(super) fn draw(rng: &mut StdRng, regulars: &[Regular]) -> Party {
    let lot: f64 = rng.random();
    if lot < 0.06 {
        return Party { number: Some("anonymous".into()), name: Some("Anonymous".into()) };
    }
    match regulars.choose(rng) {
        Some(regular) if lot < 0.55 => {
            let number = spelling(rng, &regular.number);
            Party { number: Some(number), name: rng.random_bool(0.5).then(|| regular.name.clone()) }
        }
        _ => Party { number: Some(stranger(rng)), name: rng.random_bool(0.2).then(|| name(rng)) },
    }
}

/// The number as a customer of this site dials and is shown: mainland mobiles and landlines.
fn stranger(rng: &mut StdRng) -> String {
    if rng.random_bool(0.85) {
        let prefix = ["135", "136", "137", "138", "139", "150", "158", "177", "186", "189"];
        format!("{}{:08}", prefix.choose(rng).unwrap_or(&"138"), rng.random_range(10_000_000..100_000_000))
    } else {
        let area = ["010", "021", "020", "0755", "0571"];
        format!("{}{:08}", area.choose(rng).unwrap_or(&"010"), rng.random_range(60_000_000..90_000_000))
    }
}

/// Trunks send one number now with, now without its country.
fn spelling(rng: &mut StdRng, number: &str) -> String {
    match number.strip_prefix("+86") {
        Some(national) if rng.random_bool(0.7) => national.to_owned(),
        _ => number.to_owned(),
    }
}

fn name(rng: &mut StdRng) -> String {
    let family = ["王", "李", "张", "刘", "陈", "杨", "黄", "赵", "周", "徐", "孙", "马"];
    let given = ["伟", "芳", "秀英", "敏", "静", "强", "磊", "洋", "艳", "勇", "军", "杰", "娟", "涛"];
    format!("{}{}", family.choose(rng).unwrap_or(&"王"), given.choose(rng).unwrap_or(&"伟"))
}
