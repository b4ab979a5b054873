//! Script, stylesheet and icons: embedded, checked by ETag at every use, so that an upgrade is
//! never seen with yesterday's script.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::error::Error;

struct Asset {
    name: &'static str,
    kind: &'static str,
    body: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! assets {
    ($($name:literal: $kind:ident = $body:expr),* $(,)?) => {
        static ASSETS: &[Asset] = &[$(Asset { name: $name, kind: $kind, body: $body }),*];
    };
}

assets! {
    "style.css": CSS = concat!(
        include_str!("../assets/css/tokens.css"),
        include_str!("../assets/css/ground.css"),
        include_str!("../assets/css/parts.css"),
        include_str!("../assets/css/forms.css"),
        include_str!("../assets/css/lists.css"),
        include_str!("../assets/css/shell.css"),
        include_str!("../assets/css/phone.css"),
        include_str!("../assets/css/desk.css"),
        include_str!("../assets/css/live.css"),
        include_str!("../assets/css/ticket.css"),
        include_str!("../assets/css/handling.css"),
        include_str!("../assets/css/register.css"),
        include_str!("../assets/css/owed.css"),
        include_str!("../assets/css/admin.css"),
        include_str!("../assets/css/customers.css"),
        include_str!("../assets/css/policy.css"),
        include_str!("../assets/css/report.css"),
        include_str!("../assets/css/door.css"),
        include_str!("../assets/css/narrow.css"),
    ),
    "icons.svg": SVG = include_str!("../assets/icons.svg"),
    "icon.svg": SVG = include_str!("../assets/icon.svg"),
    "icon-ringing.svg": SVG = include_str!("../assets/icon-ringing.svg"),
    "page.js": JS = include_str!("../assets/js/page.js"),
    "words.js": JS = include_str!("../assets/js/words.js"),
    "clocks.js": JS = include_str!("../assets/js/clocks.js"),
    "fragments.js": JS = include_str!("../assets/js/fragments.js"),
    "stream.js": JS = include_str!("../assets/js/stream.js"),
    "hub.js": JS = include_str!("../assets/js/hub.js"),
    "connection.js": JS = include_str!("../assets/js/connection.js"),
    "pops.js": JS = include_str!("../assets/js/pops.js"),
    "toasts.js": JS = include_str!("../assets/js/toasts.js"),
    "looks.js": JS = include_str!("../assets/js/looks.js"),
    "drafts.js": JS = include_str!("../assets/js/drafts.js"),
    "swap.js": JS = include_str!("../assets/js/swap.js"),
    "keys.js": JS = include_str!("../assets/js/keys.js"),
    "menu.js": JS = include_str!("../assets/js/menu.js"),
    "policy.js": JS = include_str!("../assets/js/policy.js"),
    "events.js": JS = include_str!("../assets/js/events.js"),
}

static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| ASSETS.iter().map(|asset| tag(asset.body)).collect());

pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    let at = ASSETS.iter().position(|asset| asset.name == name).ok_or(Error::NotFound)?;
    let (asset, tag) = (&ASSETS[at], &TAGS[at]);
    let fresh = [(CACHE_CONTROL, "no-cache"), (ETAG, tag.as_str())];
    if headers.get(IF_NONE_MATCH).is_some_and(|asked| asked.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, fresh).into_response());
    }
    Ok((fresh, [(CONTENT_TYPE, asset.kind)], asset.body).into_response())
}

/// A mark of everything that a browser was given, for [`crate::state::House::build`].
pub fn build() -> String {
    tag(&TAGS.concat()).trim_matches(['W', '/', '"']).to_owned()
}

/// Weak, since a layer may compress the body on its way.
fn tag(body: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(body.as_bytes()).into();
    let hex: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_icon_that_is_used_is_there() {
        let icons = include_str!("../assets/icons.svg");
        let mut used = BTreeSet::new();
        for folder in ["templates", "src", "assets/js"] {
            names(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut used);
        }
        assert!(used.len() > 20, "{used:?}");
        for icon in used {
            assert!(icons.contains(&format!("id=\"i-{icon}\"")), "icon {icon}");
        }
    }

    fn names(folder: &Path, into: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of this crate") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                names(&path, into);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a text file");
            for opening in ["icon(\"", "Icon(\""] {
                into.extend(text.split(opening).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
        into.remove("opening");
    }
}
