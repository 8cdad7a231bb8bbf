//! `--status`, `--why` and `--metrics`: what the daemon keeps, on stdout.

use std::io::{self, Write};
use std::process::ExitCode;

use flom_cli::{Failure, exit};
use flom_client::command::{self, Look};
use flom_settings::Settings;
use flom_types::Outcome;

use crate::print;

/// Shows everything, or what is known of the resource that the settings name, or what would become
/// of the lock that they describe.
pub(crate) fn run(
    settings: Settings,
    why: bool,
    only: bool,
    json: bool,
) -> Result<ExitCode, Failure> {
    let resource = settings.resource.clone();
    let look = match why {
        true => Look::Why {
            resource: resource.name,
            mode: resource.mode,
            quantity: resource.quantity,
            create: resource.create,
        },
        false => Look::Status {
            only: only.then_some(resource.name),
        },
    };
    pass_on(settings, &look, json)
}

/// Prints figures for Prometheus.
pub(crate) fn metrics(settings: Settings) -> Result<ExitCode, Failure> {
    pass_on(settings, &Look::Metrics, false)
}

/// Prints what the daemon says.
fn pass_on(settings: Settings, look: &Look, json: bool) -> Result<ExitCode, Failure> {
    let verbose = settings.trace.verbose;
    let client =
        command::client(settings).map_err(|error| Failure::caused(exit::FAILED, &error))?;
    let mut stdout = io::stdout().lock();
    let mut search = |notice: command::Notice<'_>| print::search(verbose, &notice);
    let mut out = |piece: &[u8]| stdout.write_all(piece).and_then(|()| stdout.flush());
    let outcome = command::observe(&client, look, json, &mut search, &mut out)
        .map_err(|error| Failure::caused(exit::FAILED, &error))?;
    Ok(ExitCode::from(match outcome {
        Outcome::Granted => 0,
        Outcome::Queued | Outcome::Parked => exit::NOT_LOCKED,
        _ => exit::FAILED,
    }))
}
