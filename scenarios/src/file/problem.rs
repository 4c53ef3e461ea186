//! What is wrong with a file: every problem with its place, what was expected, and a hint.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// A place in the text of a file, in bytes.
pub(crate) type Place = Range<usize>;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where; nothing for what concerns the file as a whole.
    pub place: Option<Place>,
    /// The key, such as `network.delta`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: String,
    /// What could be done.
    pub hint: String,
    /// Another place that has to do with it, and why.
    pub related: Option<(Place, String)>,
}

impl Problem {
    /// A problem at a place.
    pub fn at(place: &Place, key: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem { place: Some(place.clone()), ..Problem::whole(key, message) }
    }

    /// A problem of the file as a whole.
    pub fn whole(key: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem {
            place: None,
            key: key.into(),
            message: message.into(),
            expected: String::new(),
            hint: String::new(),
            related: None,
        }
    }

    /// Says what was expected.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Problem {
        self.expected = expected.into();
        self
    }

    /// Says what could be done.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = hint.into();
        self
    }

    /// Points to another place.
    #[must_use]
    pub fn related(mut self, place: &Place, why: impl Into<String>) -> Problem {
        self.related = Some((place.clone(), why.into()));
        self
    }
}

/// All that is wrong with a file. Nothing of it is run.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", self.render(false))]
pub struct Problems {
    /// The name of the file.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What is wrong, in the order of the text.
    pub list: Vec<Problem>,
}

/// The JSON form of a problem.
#[derive(Serialize)]
pub struct ProblemJson<'a> {
    /// The version of this form.
    pub schema: u32,
    /// Always `true`: tells a problem from a result.
    pub error: bool,
    /// The file.
    pub file: &'a str,
    /// The line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// The column, counted in characters from 1; 0 for the file as a whole.
    pub column: usize,
    /// The key.
    pub key: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// What was expected.
    pub expected: &'a str,
    /// What could be done.
    pub hint: &'a str,
}

/// So many problems of a file are shown: nobody reads more, and each costs a look at the text.
pub(crate) const MAX_SHOWN: usize = 100;

impl Problems {
    /// The problems of a file, sorted by place; of very many the first ones.
    pub fn new(file: &str, source: &str, mut list: Vec<Problem>) -> Problems {
        list.sort_by_key(|problem| problem.place.as_ref().map(|place| place.start));
        list.dedup();
        let more = list.len().saturating_sub(MAX_SHOWN);
        if more > 0 {
            list.truncate(MAX_SHOWN);
            list.push(Problem::whole("", format!("there are more problems: {more} at least")));
        }
        Problems { file: file.to_owned(), text: source.to_owned(), list }
    }

    /// The problems for people, with the lines that they are about.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for problem in &self.list {
            out.push_str(&renderer.render(&[self.group(problem)]));
            out.push_str("\n\n");
        }
        let count = self.list.len();
        let plural = if count == 1 { "" } else { "s" };
        out.push_str(&format!("{count} error{plural} in {}, nothing was run", self.file));
        out
    }

    fn group<'a>(&'a self, problem: &'a Problem) -> Group<'a> {
        let title = if problem.place.is_none() {
            format!("{}: {}", self.file, problem.message)
        } else {
            problem.message.clone()
        };
        let mut group = Group::with_title(Level::ERROR.primary_title(title));
        if let Some(place) = &problem.place {
            let clamp = |place: &Place| clamp(place, &self.text);
            let label =
                (!problem.expected.is_empty()).then(|| format!("expected {}", problem.expected));
            let primary = AnnotationKind::Primary.span(clamp(place)).label(label);
            let mut snippet = Snippet::source(&self.text).path(&self.file).annotation(primary);
            if let Some((place, why)) = &problem.related {
                let context = AnnotationKind::Context.span(clamp(place)).label(why.as_str());
                snippet = snippet.annotation(context);
            }
            group = group.element(snippet);
        } else if !problem.expected.is_empty() {
            group = group.element(Level::NOTE.message(format!("expected {}", problem.expected)));
        }
        if !problem.hint.is_empty() {
            group = group.element(Level::HELP.message(problem.hint.as_str()));
        }
        group
    }

    /// The problems as JSON, one object a line.
    pub fn json(&self) -> String {
        let lines = self.list.iter().map(|problem| {
            let (line, column) = problem.place.as_ref().map_or((0, 0), |place| self.line(place));
            let form = ProblemJson {
                schema: 1,
                error: true,
                file: &self.file,
                line,
                column,
                key: &problem.key,
                message: &problem.message,
                expected: &problem.expected,
                hint: &problem.hint,
            };
            serde_json::to_string(&form).expect("strings and numbers have a JSON form")
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn line(&self, place: &Place) -> (usize, usize) {
        let before = &self.text[..clamp(place, &self.text).start];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }
}

/// A place inside the text, on character boundaries, not empty where that can be helped.
fn clamp(place: &Place, source: &str) -> Place {
    let boundary = |mut at: usize| {
        at = at.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(place.start);
    start..boundary(place.end).max(start)
}

/// The nearest of some names, if one is near enough to be meant.
fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let scored = names.into_iter().map(|other| {
        let distance = strsim::damerau_levenshtein(&lower, &other.to_lowercase());
        (distance, other)
    });
    let limit = 1 + name.len() / 3;
    scored.filter(|(distance, _)| *distance <= limit).min().map(|(_, other)| other)
}

/// `did you mean` with the nearest name, else the list of all.
pub fn suggest(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names.join(", ")),
    }
}
