//! A run as a page: one HTML file that needs no network, no server and no build step.
//!
//! The modules under `web/` are embedded and joined to one script, since a page from disk can
//! load no module. What parties say is hostile: it gets into the page as data only, the scripts
//! put it there as text, and the content policy names the one script and the one style by their
//! digests and forbids everything else.

mod about;
mod columns;

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use byzlab_trace::Record;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use about::{AboutRun, CutOf, KindOf};
pub use columns::{Columns, MAX_EVENTS};

use crate::{Registry, check::count};

const STYLE: &str = include_str!("web/style.css");

/// The modules, each before those that use it.
const MODULES: &[(&str, &str)] = &[
    ("decode.js", include_str!("web/decode.js")),
    ("text.js", include_str!("web/text.js")),
    ("model.js", include_str!("web/model.js")),
    ("search.js", include_str!("web/search.js")),
    ("scale.js", include_str!("web/scale.js")),
    ("draw.js", include_str!("web/draw.js")),
    ("quorum.js", include_str!("web/quorum.js")),
    ("diagram.js", include_str!("web/diagram.js")),
    ("dom.js", include_str!("web/dom.js")),
    ("strip.js", include_str!("web/strip.js")),
    ("evidence.js", include_str!("web/evidence.js")),
    ("tree.js", include_str!("web/tree.js")),
    ("panels.js", include_str!("web/panels.js")),
    ("inspector.js", include_str!("web/inspector.js")),
    ("log.js", include_str!("web/log.js")),
    ("keys.js", include_str!("web/keys.js")),
    ("main.js", include_str!("web/main.js")),
];

/// A run to be shown: what it is of, if the file says, and its events.
pub struct Shown {
    name: String,
    about: Option<AboutRun>,
    columns: Columns,
}

impl Shown {
    /// A run that begins with this record.
    ///
    /// # Errors
    /// The first record is of another form.
    pub fn begin(name: &str, first: &Record) -> Result<Shown, String> {
        let about = AboutRun::read(first)?;
        let near = about.as_ref().map(|about| events(&about.report)).unwrap_or_default();
        let mut shown = Shown { name: name.to_owned(), about, columns: Columns::new(near) };
        shown.push(first);
        Ok(shown)
    }

    /// Adds a record.
    pub fn push(&mut self, record: &Record) {
        if record.what != Record::RUN {
            self.columns.push(record);
        }
    }

    fn title(&self) -> String {
        match &self.about {
            Some(about) => about.title.clone(),
            None => self.name.clone(),
        }
    }

    /// What the page knows beside the events.
    fn about(&self, registry: &Registry) -> Value {
        let checked = self.about.as_ref().and_then(|about| about.evidence.as_ref()).map(|file| {
            match file.check(file.text().as_bytes(), registry) {
                Ok(_) => json!({ "proves": true }),
                Err(why) => json!({ "proves": false, "why": why }),
            }
        });
        json!({
            "name": self.name,
            "about": self.about,
            "checked": checked,
            "version": env!("CARGO_PKG_VERSION"),
        })
    }
}

/// The events that show what was violated.
fn events(report: &Value) -> Vec<u64> {
    let violations = report["violations"].as_array().into_iter().flatten();
    let events = violations.flat_map(|violation| violation["events"].as_array());
    events.flatten().filter_map(Value::as_u64).collect()
}

/// The page of one run, or of two beside each other.
pub fn page(runs: &[Shown], registry: &Registry) -> String {
    let script = script();
    let titles: Vec<_> = runs.iter().map(Shown::title).collect();
    let mut body = String::new();
    for run in runs {
        verdict(&mut body, run);
    }
    for (at, run) in runs.iter().enumerate() {
        let about = embedded(&run.about(registry).to_string());
        let events = BASE64.encode(run.columns.deflated());
        let _ = writeln!(
            body,
            "<script type=\"application/json\" id=\"about-{at}\">{about}</script>\n\
             <script type=\"application/octet-stream\" id=\"events-{at}\">{events}</script>"
        );
    }
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; \
         form-action 'none'",
        hash(&script),
        hash(STYLE)
    );
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>byzlab: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\
         <noscript><p>The rest of this page needs JavaScript; it loads nothing.</p></noscript>\n\
         <script type=\"module\">{script}</script>\n</body>\n</html>\n",
        escaped(&titles.join(" | "))
    )
}

/// The verdict, which stands in the page before any script runs.
fn verdict(body: &mut String, run: &Shown) {
    let Some(about) = &run.about else {
        let name = escaped(&run.name);
        let _ = writeln!(
            body,
            "<header class=\"verdict unknown\"><h1>{name}</h1><p>A recorded run without its \
             verdict.</p></header>"
        );
        return;
    };
    let report = &about.report;
    let text = |key: &str| escaped(report[key].as_str().unwrap_or_default());
    let violations: Vec<_> = report["violations"].as_array().into_iter().flatten().collect();
    let outcome = report["outcome"].as_str().unwrap_or_default();
    let (class, word) = match (outcome, violations.is_empty()) {
        ("as-expected", true) => ("good", "PASS: no violation in this run"),
        ("as-expected", false) => ("expected", "PASS: violated, as expected"),
        ("not-as-expected", _) => ("bad", "FAIL: not as expected"),
        _ => ("unclear", "INCONCLUSIVE"),
    };
    let _ = writeln!(
        body,
        "<header class=\"verdict {class}\"><p class=\"word\">{word}</p><h1>{}</h1>\
         <p class=\"what\">{} · {} · n={} f={} · seed {} · {} · {} · {} in {:.3} s</p>",
        escaped(&about.title),
        text("scenario"),
        text("protocol"),
        escaped(&report["n"].to_string()),
        escaped(&report["f"].to_string()),
        escaped(report["seed"].to_string().trim_matches('"')),
        text("runtime"),
        text("label"),
        escaped(&count(report["decisions"].as_u64().unwrap_or_default() as usize, "decision")),
        report["ended_ns"].as_u64().unwrap_or_default() as f64 / 1e9,
    );
    for violation in violations {
        let property = escaped(violation["property"].as_str().unwrap_or_default());
        let why = escaped(violation["text"].as_str().unwrap_or_default());
        let at = violation["time_ns"].as_u64().unwrap_or_default() as f64 / 1e6;
        let _ = writeln!(
            body,
            "<p class=\"violation\"><strong>{property} violated at {at:.3} ms</strong>: {why}</p>"
        );
    }
    for reason in ["reasons", "beyond"].iter().flat_map(|key| report[*key].as_array()).flatten() {
        let reason = escaped(reason.as_str().unwrap_or_default());
        let _ = writeln!(body, "<p class=\"reason\">{reason}</p>");
    }
    body.push_str("</header>\n");
}

/// All modules as one: what they import from each other is there already.
fn script() -> String {
    let mut script = String::new();
    for (name, module) in MODULES {
        let _ = writeln!(script, "// {name}");
        for line in module.lines().filter(|line| !line.starts_with("import ")) {
            script.push_str(line.strip_prefix("export ").unwrap_or(line));
            script.push('\n');
        }
    }
    script
}

fn hash(text: &str) -> String {
    BASE64.encode(Sha256::digest(text.as_bytes()))
}

/// JSON inside of a script element: nothing in it ends the element.
fn embedded(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Text inside of an element or a quoted attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_once_and_exports_nothing_twice() {
        let joined = script();
        let mut names: Vec<_> = joined
            .lines()
            .filter_map(|line| {
                let rest = ["function ", "async function ", "const ", "let ", "class "]
                    .iter()
                    .find_map(|word| line.strip_prefix(word))?;
                rest.split(|char: char| !char.is_alphanumeric() && char != '_').next()
            })
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "one scope: a name is used once");
        assert!(!joined.contains("\nimport ") && !joined.contains("\nexport "));
        assert!(!joined.contains("</script") && !STYLE.contains("</style"));
        let writes = ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("];
        assert!(writes.iter().all(|way| !joined.contains(way)), "text only");
    }

    #[test]
    fn hostile_text_ends_no_element() {
        let hostile = "</script><img src=x onerror=alert(1)>";
        assert!(!embedded(&json!(hostile).to_string()).contains('<'));
        assert_eq!(escaped(hostile), "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;");
    }
}
