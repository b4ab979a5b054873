//! Lengths of time as people write them: `30m`, `24h`, `1h 30m`, `10s`.

/// Longer is a mistake.
const LONGEST_MS: i64 = 366 * 24 * 3_600_000;

const UNITS: [(&str, i64); 5] = [("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// In milliseconds, more than none. A day is 24 hours.
pub fn read(text: &str) -> Result<i64, String> {
    let unreadable =
        || format!("{text:?} is no length of time; write it as in \"30m\", \"24h\", \"1h 30m\" or \"10s\"");
    let mut total: i64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: i64 = rest[..digits].parse().map_err(|_| unreadable())?;
        rest = rest[digits..].trim_start();
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(unreadable)?;
        rest = rest[letters..].trim_start();
        total = count.checked_mul(unit.1).and_then(|ms| total.checked_add(ms)).ok_or_else(unreadable)?;
    }
    match total {
        0 => Err(unreadable()),
        1..=LONGEST_MS => Ok(total),
        _ => Err(format!("{text:?} is longer than a year")),
    }
}

/// Hours, not days: `24h` is what rules say.
pub fn write(ms: i64) -> String {
    let mut left = ms;
    let mut parts = Vec::new();
    for (unit, size) in &UNITS[1..] {
        if left >= *size {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    parts.join(" ")
}
