//! The configuration: which files there are, and what is wrong with what they say.

use flom_cli::flom::Sources;

use super::finding::Finding;

const CHECK: &str = "configuration";

/// What there is to be said about the sources of the settings.
pub(crate) fn judge(sources: &Sources) -> Vec<Finding> {
    let errors = sources.errors.iter().map(|error| {
        let text = error.strip_prefix("ERROR: ").unwrap_or(error);
        let hint = "flom ends with 99 like this; --check-config shows what comes from where";
        Finding::failed(CHECK, text, hint)
    });
    let warnings = sources.warnings.iter().map(|warning| {
        let text = warning.strip_prefix("flom: warning: ").unwrap_or(warning);
        let hint = "correct it or take it out; --check-config shows what counts";
        Finding::warning(CHECK, text, hint)
    });
    let mut findings: Vec<_> = errors.chain(warnings).collect();
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, files(sources)));
    }
    findings
}

fn files(sources: &Sources) -> String {
    let files = sources.files.iter().map(|(path, there)| {
        let state = if *there { "read" } else { "not there" };
        format!("{} ({state})", path.display())
    });
    files.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(errors: &[&str], warnings: &[&str]) -> Sources {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_string()).collect();
        Sources {
            settings: flom_settings::Settings::default(),
            files: vec![("/etc/flom.conf".into(), false), ("/x/.flom".into(), true)],
            warnings: owned(warnings),
            errors: owned(errors),
        }
    }

    fn lines(sources: &Sources) -> Vec<String> {
        let first = |finding: &Finding| finding.to_string().lines().next().map(str::to_string);
        judge(sources).iter().filter_map(first).collect()
    }

    #[test]
    fn files_without_fault_are_listed_in_a_line() {
        assert_eq!(
            lines(&sources(&[], &[])),
            ["ok       configuration  /etc/flom.conf (not there), /x/.flom (read)"]
        );
    }

    #[test]
    fn every_fault_has_a_line_and_errors_come_first() {
        let sources = sources(&["ERROR: bad"], &["flom: warning: odd", "other"]);
        assert_eq!(
            lines(&sources),
            [
                "FAILED   configuration  bad",
                "warning  configuration  odd",
                "warning  configuration  other",
            ]
        );
    }
}
