//! `flomd`, the daemon: reads its settings, opens its sockets, serves until nobody needs it.

#![forbid(unsafe_code)]
#![cfg_attr(all(target_os = "linux", target_env = "gnu", not(test)), no_main)]

mod vfs;

use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;

use flom_cli::flomd::{Invocation, Run, Stage};
use flom_cli::trace::{OpenError, Otherwise};
use flom_cli::{Failure, exit, trace};
use flom_daemon::detach::Side;
use flom_daemon::{
    Daemon, StartError, Supervisor, SystemLog, detach, state_directory, take_passed,
};
use flom_types::target;
use log::warn;

flom_start::main!(program);

fn program() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report("flomd"),
    }
}

fn run() -> Result<(), Failure> {
    // The very first thing: whatever a process has done before it forks, it has done twice.
    if env::args_os().any(|word| word == "--detach")
        && detach::detach().map_err(|error| failed(&error))? == Side::Starter
    {
        return Ok(());
    }
    trace::begin();
    match flom_cli::flomd::parse(env::args_os().skip(1))? {
        Invocation::Help(text) | Invocation::Print(text) => print!("{text}"),
        Invocation::Run(run) => {
            // Nobody is there to read what cannot be written.
            let _ = run.announce();
            match run.stage {
                Stage::Foreground => serve(&run)?,
                Stage::Detach | Stage::Detached => serve_detached(&run)?,
            }
        }
    }
    Ok(())
}

/// Started by a person or a service manager, who sees the log.
fn serve(run: &Run) -> Result<(), Failure> {
    let settings = &run.settings;
    let passed = take_passed().map_err(|error| failed(&error))?;
    flom_cli::log::start(settings.trace.verbose);
    trace::open(&settings.trace, Otherwise::Stderr).map_err(|error| failed(&error))?;
    detach::open_to_everybody();
    detach::raise_limits();
    let opened =
        Daemon::open_passed(settings, passed).and_then(|daemon| daemon.heed_signals(reopen_trace));
    trace::settle(&settings.trace, opened.is_ok());
    let daemon = opened.map_err(|error| failed(&error))?;
    let mut daemon = daemon.keep_state(state_directory().as_deref());
    // Who sees the log has been told.
    let _ = vfs::mount(&mut daemon, settings);
    let supervisor = Supervisor::from_environment();
    warn_of(supervisor.ready(&daemon.place().to_string()));
    let ended = daemon.run();
    warn_of(supervisor.stopping());
    ended.map_err(|error| failed(&error))
}

/// Started by a `flom`, which hears from us on our stdout and then comes as the first client.
fn serve_detached(run: &Run) -> Result<(), Failure> {
    let settings = &run.settings;
    // Before this process gets an umask of its own: that of the starter says who may read the trace.
    let traced = trace::open(&settings.trace, Otherwise::Nowhere).map_err(untraced);
    detach::become_daemon().map_err(|error| failed(&error))?;
    detach::raise_limits();
    let system_log = SystemLog::of_system();
    system_log.tell_panics();
    let mut opened = traced
        .and_then(|()| Daemon::open(settings))
        .and_then(|daemon| daemon.heed_signals(reopen_trace))
        .map(|daemon| daemon.log_to(system_log.clone()))
        .map(|daemon| daemon.keep_state(state_directory().as_deref()));
    trace::settle(&settings.trace, opened.is_ok());
    let not_shown = match &mut opened {
        Ok(daemon) => vfs::mount(daemon, settings),
        Err(error) => {
            system_log.tell_start_failed(error);
            None
        }
    };
    detach::report(opened.as_ref().map(|_| not_shown.as_ref())).map_err(|error| failed(&error))?;
    let mut daemon = opened.map_err(|error| failed(&error))?;
    daemon.await_starter();
    daemon.run().map_err(|error| failed(&error))
}

/// What HUP is for: whoever has moved the trace file away gets a new one.
fn reopen_trace() {
    if let Err(error) = trace::reopen() {
        warn!(target: target::DAEMON, "{error}: {}", error.source);
    }
}

fn warn_of(told: io::Result<()>) {
    if let Err(error) = told {
        warn!(
            target: target::DAEMON,
            "cannot tell the service manager (NOTIFY_SOCKET): {error}"
        );
    }
}

fn untraced(error: OpenError) -> StartError {
    let OpenError { path, source } = error;
    StartError::TraceFile { path, source }
}

fn failed(error: &dyn Error) -> Failure {
    Failure::caused(exit::FAILED, error)
}
