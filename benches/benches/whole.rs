//! `cargo bench -p flom-bench --bench whole -- [LOAD...] [--rounds N] [--seconds S] [--tcp] [--long]`:
//! flomd as a whole under load, in turns with the floor, a server that does nothing.
//!
//! Loads are `own:N`, `contend:N`, `churn:N`, `queue:N`, `readers:N`, `kept:N` and `command:N`.
//! `--long` takes the sizes of the targets instead of those that fit into half a minute.

use std::env;
use std::io;
use std::path::Path;
use std::time::Duration;

use flom_bench::workload::{self, Commands, Figures};
use flom_bench::{Programs, Server, Table, Transport, raise_descriptor_limit};

const SHORT: &str = "own:1 own:64 contend:8 contend:64 churn:8 queue:2000 readers:2000 kept:20000 \
                     command:50";
const LONG: &str = "own:1 own:8 own:64 contend:8 contend:64 churn:1 churn:8 churn:64 queue:10000 \
                    readers:10000 kept:100000 command:200";

/// A queue whose cost for each waiter is the measure for longer ones.
const SHORT_QUEUE: usize = 100;

struct Plan {
    loads: Vec<String>,
    rounds: usize,
    lasting: Duration,
    transport: Transport,
}

fn main() -> io::Result<()> {
    let Some(plan) = Plan::read(env::args().skip(1))? else {
        return Ok(()); // `cargo test --benches` only asks whether it starts
    };
    raise_descriptor_limit();
    let bench = Bench {
        programs: &Programs::build()?,
        plan: &plan,
    };
    let mut table = Table::default();
    for round in 1..=plan.rounds {
        for load in &plan.loads {
            bench.round(load, &mut table)?;
        }
        eprintln!("round {round} of {}", plan.rounds);
    }
    println!("{table}");
    Ok(())
}

struct Bench<'a> {
    programs: &'a Programs,
    plan: &'a Plan,
}

impl Bench<'_> {
    fn round(&self, load: &str, table: &mut Table) -> io::Result<()> {
        let (kind, size) = split(load)?;
        let lasting = self.plan.lasting;
        let beside = |rule, run: &dyn Fn(&Server) -> io::Result<Figures>| {
            Ok::<_, io::Error>((run(&self.flomd()?)?, run(&self.floor(rule)?)?))
        };
        let (ours, theirs) = match kind {
            "own" => beside("echo", &|server| workload::own(server, size, lasting))?,
            "contend" => beside("turns", &|server| workload::contend(server, size, lasting))?,
            "churn" => beside("echo", &|server| workload::churn(server, size, lasting))?,
            "queue" => beside("turns", &|server| workload::queue(server, size))?,
            "readers" => beside("crowd", &|server| workload::readers(server, size))?,
            "kept" => return self.kept(load, size, table),
            _ => return self.commands(load, size, table),
        };
        table.enter(load, &ours, "floor", &theirs);
        if kind == "queue" {
            self.short_queue(load, &ours, table)?;
        }
        Ok(())
    }

    /// What a waiter costs in a long queue, against one in a short queue.
    fn short_queue(&self, load: &str, ours: &Figures, table: &mut Table) -> io::Result<()> {
        let server = self.flomd()?;
        workload::queue(&server, SHORT_QUEUE)?; // its memory is there from now on
        let short = workload::queue(&server, SHORT_QUEUE)?;
        table.enter(
            load,
            &ours[..3].to_vec(),
            "100 waiters",
            &short[..3].to_vec(),
        );
        Ok(())
    }

    /// What a lock costs beside idle resources, against an empty daemon.
    fn kept(&self, load: &str, size: usize, table: &mut Table) -> io::Result<()> {
        let full = self.flomd()?;
        let before = full.memory()?;
        workload::keep(&full, size)?;
        let bytes = full.memory()?.saturating_sub(before) as f64 / size as f64;
        let mut ours = workload::own(&full, 8, self.plan.lasting)?;
        let theirs = workload::own(&self.flomd()?, 8, self.plan.lasting)?;
        ours.push(("bytes each", bytes));
        table.enter(load, &ours, "empty flomd", &theirs);
        Ok(())
    }

    /// What a command costs, against `flock`; what one costs that starts the daemon, against one that
    /// finds it.
    fn commands(&self, load: &str, times: usize, table: &mut Table) -> io::Result<()> {
        let server = Server::flomd(&self.programs.path("flomd"), Transport::Unix, -1)?;
        let flom = self.programs.path("flom");
        let Commands { flock, warm, cold } = workload::commands(&flom, &server, times)?;
        table.enter(load, &warm, "flock", &flock);
        table.enter(&format!("{load} cold"), &cold, "warm", &warm);
        Ok(())
    }

    fn flomd(&self) -> io::Result<Server> {
        let flomd = self.programs.path("flomd");
        Server::flomd(&flomd, self.plan.transport, -1)
    }

    fn floor(&self, rule: &str) -> io::Result<Server> {
        let floor = Path::new(env!("CARGO_BIN_EXE_floor"));
        Server::floor(floor, rule, self.plan.transport)
    }
}

impl Plan {
    /// `None` if nothing is to be measured.
    fn read(words: impl Iterator<Item = String>) -> io::Result<Option<Self>> {
        let mut plan = Self {
            loads: Vec::new(),
            rounds: 3,
            lasting: Duration::from_millis(400),
            transport: Transport::Unix,
        };
        let mut default = SHORT;
        let mut is_bench = false;
        let mut words = words;
        while let Some(word) = words.next() {
            let mut number = || -> io::Result<f64> {
                let value = words.next().unwrap_or_default();
                value
                    .parse()
                    .map_err(|_| io::Error::other(format!("{word} needs a number")))
            };
            match word.as_str() {
                "--bench" => is_bench = true,
                "--rounds" => plan.rounds = number()? as usize,
                "--seconds" => plan.lasting = Duration::from_secs_f64(number()?),
                "--tcp" => plan.transport = Transport::Tcp,
                "--long" => default = LONG,
                load => plan.loads.push(split(load).map(|_| load.to_owned())?),
            }
        }
        if plan.loads.is_empty() {
            plan.loads = default.split_whitespace().map(str::to_owned).collect();
        }
        Ok(is_bench.then_some(plan))
    }
}

fn split(load: &str) -> io::Result<(&str, usize)> {
    const KINDS: [&str; 7] = [
        "own", "contend", "churn", "queue", "readers", "kept", "command",
    ];
    load.split_once(':')
        .filter(|(kind, _)| KINDS.contains(kind))
        .and_then(|(kind, size)| Some((kind, size.parse().ok().filter(|size| *size > 0)?)))
        .ok_or_else(|| io::Error::other(format!("{load} is no load: {}:N", KINDS.join(":N, "))))
}
