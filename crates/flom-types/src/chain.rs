//! An error and its causes, in a line for people.

use std::error::Error;
use std::fmt;

/// Shows the error and its causes: `ERROR: CAUSE: CAUSE`.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Step {
        text: &'static str,
        source: Option<Box<Step>>,
    }

    #[test]
    fn all_causes_are_said_the_nearest_first() {
        let step = |text, source| Step { text, source };
        let causes = step("b", Some(Box::new(step("c", None))));
        let error = step("a", Some(Box::new(causes)));
        assert_eq!(Chain(&error).to_string(), "a: b: c");
    }
}
