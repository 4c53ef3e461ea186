//! Results on stdout, everything else on stderr; colours only where they are wanted.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use byzlab_scenarios::{Problems, report::Paint};

use super::{Failure, When};

/// Where a command writes.
pub(crate) struct Output {
    stdout: BufWriter<Stdout>,
    paint: Paint,
    paint_errors: bool,
}

impl Output {
    pub(crate) fn new(when: When) -> Output {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let wanted = |terminal: bool| match when {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && !no_color,
        };
        Output {
            paint: if wanted(io::stdout().is_terminal()) { Paint::Colour } else { Paint::Plain },
            paint_errors: wanted(io::stderr().is_terminal()),
            stdout: BufWriter::new(io::stdout()),
        }
    }

    pub(crate) fn paint(&self) -> Paint {
        self.paint
    }

    /// Whether stderr is painted.
    #[cfg(feature = "live")]
    pub(crate) fn paints_errors(&self) -> bool {
        self.paint_errors
    }

    /// Writes to stdout.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.stdout.write_all(text.as_bytes()).map_err(|error| Failure::Io("stdout".into(), error))
    }

    /// Writes a line to stdout.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.text(text).and_then(|()| self.text("\n"))
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(|error| Failure::Io("stdout".into(), error))
    }

    /// Writes an error to stderr.
    pub(crate) fn error(&self, message: &str) {
        let word = if self.paint_errors { "\x1b[1;31merror\x1b[0m" } else { "error" };
        let _ = writeln!(io::stderr(), "{word}: {message}");
    }

    /// Writes to stderr what is no error and no result.
    pub(crate) fn note(&self, message: &str) {
        let _ = writeln!(io::stderr(), "note: {message}");
    }

    /// Writes the problems of a file to stderr.
    pub(crate) fn problems(&self, problems: &Problems) {
        let _ = writeln!(io::stderr(), "{}", problems.render(self.paint_errors));
    }
}
