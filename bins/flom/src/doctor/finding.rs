//! What a check has come to, as a line for people.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, or may work, but somebody should look at it.
    Warning,
    /// Locking does not work like this.
    Failed,
}

/// What a check has come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// What was looked at, in a word.
    check: &'static str,
    text: String,
    /// What can be done about it.
    pub(crate) hint: Option<String>,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            check,
            text: text.into(),
            hint: None,
        }
    }

    pub(crate) fn warning(
        check: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Warning,
            hint: Some(hint.into()),
            ..Self::ok(check, text)
        }
    }

    pub(crate) fn failed(
        check: &'static str,
        text: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            verdict: Verdict::Failed,
            hint: Some(hint.into()),
            ..Self::ok(check, text)
        }
    }
}

impl fmt::Display for Finding {
    /// A line, and below it the hint, if there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "FAILED",
        };
        let text = self.text.replace('\n', " ");
        write!(f, "{verdict:<9}{:<15}{text}", self.check)?;
        match &self.hint {
            Some(hint) => write!(f, "\n{:9}{hint}", ""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_with_its_hint_below() {
        let ok = Finding::ok("socket", "/tmp/s: a daemon listens");
        assert_eq!(
            ok.to_string(),
            "ok       socket         /tmp/s: a daemon listens"
        );
        let failed = Finding::failed("configuration", "no\nway", "go elsewhere");
        assert_eq!(
            failed.to_string(),
            "FAILED   configuration  no way\n         go elsewhere"
        );
        let warning = Finding::warning("clock", "late", "hurry");
        assert!(
            warning
                .to_string()
                .starts_with("warning  clock          late\n")
        );
    }
}
