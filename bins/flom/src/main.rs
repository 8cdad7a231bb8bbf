//! `flom`: reads its settings, finds a daemon, runs a command under a lock, ends with its status.

#![forbid(unsafe_code)]
#![cfg_attr(all(target_os = "linux", target_env = "gnu", not(test)), no_main)]

mod debug_feature;
mod debug_tls;
mod doctor;
mod fence;
mod lock;
mod observe;
mod print;
mod waiting;
mod watch;
mod width;

use std::env;
use std::process::ExitCode;

use flom_cli::flom::{Action, Invocation, Run};
use flom_cli::{Failure, exit};
use flom_client::command;
use flom_net::Interface;
use flom_settings::Settings;

flom_start::main!(program);

fn program() -> ExitCode {
    match run() {
        Ok(status) => status,
        Err(failure) => failure.report("flom"), // messages with their causes, exit status
    }
}

fn run() -> Result<ExitCode, Failure> {
    flom_cli::trace::begin();
    flom_cli::log::start_if_asked();
    match flom_cli::flom::parse(env::args_os().skip(1), find_interface)? {
        Invocation::Help(text) | Invocation::Print(text) => print::text(&text),
        Invocation::UniqueId => print::line(&unique_id()?),
        Invocation::FenceCheck { file, number } => fence::check(&file, number)?,
        Invocation::Doctor(sources) => return Ok(doctor::run(&sources)),
        Invocation::Run(run) => return carry_out(*run),
    }
    Ok(ExitCode::SUCCESS)
}

/// In the order of `spec/command-line.md` §1.
fn carry_out(run: Run) -> Result<ExitCode, Failure> {
    print::announcement(&run);
    match run.action {
        Action::DebugFeature(feature) => debug_feature::run(feature, &run.settings)?,
        Action::Shutdown { immediate } => shutdown(run.settings, immediate)?,
        Action::Observe { why, only, json } => {
            return observe::run(run.settings, why, only, json);
        }
        Action::Watch { only } => return watch::run(run.settings, only),
        Action::Metrics => return observe::metrics(run.settings),
        Action::CheckConfig => {}
        Action::NoCommand => return Err(exit::no_command()),
        Action::Lock { command } => return lock::run(run.settings, command, run.explain),
    }
    Ok(ExitCode::SUCCESS)
}

fn find_interface(name: &str) -> Result<(), String> {
    let found = Interface::find(name).map(drop);
    found.map_err(|error| error.to_string())
}

fn unique_id() -> Result<String, Failure> {
    flom_settings::unique_id().map_err(|error| Failure::caused(exit::FAILED, &error))
}

fn shutdown(settings: Settings, immediate: bool) -> Result<(), Failure> {
    let how = if immediate { "immediate" } else { "quiesce" };
    print::line(&format!("Starting FLoM daemon {how} shutdown..."));
    let verbose = settings.trace.verbose;
    let client =
        command::client(settings).map_err(|error| Failure::caused(exit::FAILED, &error))?;
    command::shutdown(&client, immediate, &mut |notice| {
        print::search(verbose, &notice);
    })
    .map_err(|error| Failure::caused(exit::FAILED, &error))
}
