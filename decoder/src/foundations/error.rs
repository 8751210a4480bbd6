//! Errors of a reader that refuses an archive.

use std::fmt;

/// A refusal: what is wrong, and the section of the specification with the violated rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub what: String,
    pub section: &'static str,
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.section)
    }
}

impl std::error::Error for Error {}

/// Makes an error from a text and a section.
pub fn error(what: impl Into<String>, section: &'static str) -> Error {
    Error { what: what.into(), section }
}

pub fn refuse<T>(what: impl Into<String>, section: &'static str) -> Result<T> {
    Err(error(what, section))
}

/// Refuses unless a condition holds.
pub fn demand(holds: bool, what: &str, section: &'static str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        refuse(what, section)
    }
}
