//! The sources of settings: what there is to be said about them, and where each value comes from.

use flom_settings::{Complaint, Configuration, Setting, TABLE, shown};
use flom_types::{Chain, ReturnCode, target};
use log::{Level, log_enabled};

use crate::exit;
use crate::failure::Failure;

/// Where the origin of a value begins in the report, unless the value is long.
const ORIGIN_COLUMN: usize = 44;

/// The complaints after which `program` can go on, a line each.
pub(crate) fn warnings(program: &str, configuration: &Configuration) -> Vec<String> {
    let warnings = configuration.complaints().iter().filter(|c| c.is_warning());
    warnings
        .map(|complaint| match complaint.is_of_file() {
            true => format!("{program}: warning: {}", Chain(complaint)),
            false => complaint.to_string(),
        })
        .collect()
}

/// Fails with the first complaint after which a program cannot go on.
pub(crate) fn refuse_first_error(configuration: &Configuration) -> Result<(), Failure> {
    let error = configuration.complaints().iter().find(|c| !c.is_warning());
    error.map_or(Ok(()), |error| Err(all_of(&[error])))
}

/// Fails with all of them.
pub(crate) fn refuse_errors(configuration: &Configuration) -> Result<(), Failure> {
    let errors: Vec<_> = configuration
        .complaints()
        .iter()
        .filter(|c| !c.is_warning())
        .collect();
    match errors.is_empty() {
        true => Ok(()),
        false => Err(all_of(&errors)),
    }
}

/// A line for each of `errors`, and at last one with the code of the first that has any.
fn all_of(errors: &[&Complaint]) -> Failure {
    let mut lines: Vec<_> = errors
        .iter()
        .map(|error| Chain(*error).to_string())
        .collect();
    lines.extend(errors.iter().find_map(|error| code_line(error)));
    Failure::exact_lines(exit::FAILED, lines)
}

/// The last line of FLoM 1.7.2 about a complaint, if it has one.
fn code_line(complaint: &Complaint) -> Option<String> {
    let code = complaint.code();
    let ReturnCode(number) = code;
    if complaint.is_of_file() {
        Some(format!("flom_config_init: ret_cod={number}"))
    } else if code == ReturnCode::INVALID_RESOURCE_NAME {
        Some(format!("flom_config_set_resource_name: ret_cod={number}"))
    } else {
        None
    }
}

/// Traces what [`report`] says, and everything there is to be said about the sources.
pub(crate) fn trace(configuration: &Configuration) {
    if log_enabled!(target: target::CONFIG, Level::Trace) {
        for line in report(configuration) {
            log::trace!(target: target::CONFIG, "{line}");
        }
        for complaint in configuration.complaints() {
            log::trace!(target: target::CONFIG, "{}", Chain(complaint));
        }
    }
}

/// The files that were looked for, then each setting with its value and where that comes from.
pub(crate) fn report(configuration: &Configuration) -> Vec<String> {
    let files = configuration.files().map(|(path, there)| {
        let found = if there { "found" } else { "not there" };
        format!("# {}: {found}", path.display())
    });
    files
        .chain(TABLE.iter().map(|setting| line(configuration, setting)))
        .collect()
}

fn line(configuration: &Configuration, setting: &Setting) -> String {
    let word = setting.word(configuration.settings()).unwrap_or_default();
    let entry = format!("[{}]/{}={}", setting.group, setting.key, shown(&word));
    let origin = configuration.origin(setting);
    format!("{entry:<ORIGIN_COLUMN$} {origin}")
}
