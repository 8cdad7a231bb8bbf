//! `flomd`, the daemon: reads its settings, opens its sockets, serves until nobody needs it.

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::process::ExitCode;

use flom_cli::flomd::{Invocation, Run, Stage};
use flom_cli::trace::{OpenError, Otherwise};
use flom_cli::{Failure, exit, trace};
use flom_daemon::{Daemon, StartError, SystemLog, detach};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report("flomd"),
    }
}

fn run() -> Result<(), Failure> {
    trace::begin();
    match flom_cli::flomd::parse(env::args_os().skip(1))? {
        Invocation::Help(text) | Invocation::Print(text) => print!("{text}"),
        Invocation::Run(run) => {
            // Nobody is there to read what cannot be written.
            let _ = run.announce();
            match run.stage {
                Stage::Foreground => serve(&run)?,
                Stage::Detach => detach::detach(&run.settings).map_err(|error| failed(&error))?,
                Stage::Detached => serve_detached(&run)?,
            }
        }
    }
    Ok(())
}

/// Started by a person or a service manager, who sees the log and may hang up.
fn serve(run: &Run) -> Result<(), Failure> {
    let settings = &run.settings;
    flom_cli::log::start(settings.trace.verbose);
    trace::open(&settings.trace, Otherwise::Stderr).map_err(|error| failed(&error))?;
    detach::raise_descriptor_limit();
    let opened = Daemon::open(settings).and_then(|daemon| daemon.heed_signals(true));
    trace::settle(&settings.trace, opened.is_ok());
    let daemon = opened.map_err(|error| failed(&error))?;
    daemon.run().map_err(|error| failed(&error))
}

/// Started by a `flom`, which hears from us on our stdout and then comes as the first client.
fn serve_detached(run: &Run) -> Result<(), Failure> {
    let settings = &run.settings;
    // Before this process gets an umask of its own: that of the starter says who may read the trace.
    let traced = trace::open(&settings.trace, Otherwise::Nowhere).map_err(untraced);
    detach::become_daemon().map_err(|error| failed(&error))?;
    detach::raise_descriptor_limit();
    let system_log = SystemLog::of_system().with_peers(settings.trace.verbose);
    system_log.tell_panics();
    let opened = traced
        .and_then(|()| Daemon::open(settings))
        .and_then(|daemon| daemon.heed_signals(false));
    trace::settle(&settings.trace, opened.is_ok());
    if let Err(error) = &opened {
        system_log.tell_start_failed(error);
    }
    detach::report(opened.as_ref().map(drop)).map_err(|error| failed(&error))?;
    let mut daemon = opened.map_err(|error| failed(&error))?.log_to(system_log);
    daemon.await_starter();
    daemon.run().map_err(|error| failed(&error))
}

fn untraced(error: OpenError) -> StartError {
    let OpenError { path, source } = error;
    StartError::TraceFile { path, source }
}

fn failed(error: &dyn Error) -> Failure {
    Failure::caused(exit::FAILED, error)
}
