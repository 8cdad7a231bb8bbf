//! A daemon, or the floor, as a process of its own.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, getrlimit, pidfd_open, setrlimit};

use crate::client::{Address, Client};
use crate::scratch::Scratch;
use crate::words;

/// How clients reach a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// Through a UNIX socket.
    Unix,
    /// Through a TCP port of the loopback interface.
    Tcp,
}

/// A server that runs; killed when dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    address: Address,
    _scratch: Scratch,
}

impl Server {
    /// Runs the program `flomd`, which ends itself after `lifespan_ms` without use, or never if that
    /// is negative.
    ///
    /// # Errors
    ///
    /// It cannot be started, or does not get ready.
    pub fn flomd(flomd: &Path, transport: Transport, lifespan_ms: i32) -> io::Result<Self> {
        Self::flomd_under(Command::new(flomd), transport, lifespan_ms)
    }

    /// The same by way of `command`, to which the arguments of `flomd` are added.
    ///
    /// # Errors
    ///
    /// It cannot be started, or does not get ready.
    pub fn flomd_under(
        mut command: Command,
        transport: Transport,
        lifespan_ms: i32,
    ) -> io::Result<Self> {
        let (address, scratch) = place(transport)?;
        // As `flom` runs it: says when it is ready, then lets go of the standard streams.
        command
            .arg("--detached")
            .arg(format!("--daemon-lifespan={lifespan_ms}"));
        match &address {
            Address::Unix(path) => {
                let mut option = OsString::from("--socket-name=");
                option.push(path);
                command.arg(option);
            }
            Address::Tcp(address) => {
                command
                    .arg(format!("--unicast-address={}", address.ip()))
                    .arg(format!("--unicast-port={}", address.port()));
            }
        }
        Self::start(command, address, scratch)
    }

    /// Runs the program `floor`, which does as little as a server can: see [`crate::floor`].
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn floor(floor: &Path, rule: &str, transport: Transport) -> io::Result<Self> {
        let (address, scratch) = place(transport)?;
        let mut command = Command::new(floor);
        command.arg(rule);
        match &address {
            Address::Unix(path) => command.arg("unix").arg(path),
            Address::Tcp(address) => command.arg("tcp").arg(address.to_string()),
        };
        Self::start(command, address, scratch)
    }

    fn start(mut command: Command, address: Address, scratch: Scratch) -> io::Result<Self> {
        let mut process = command
            // What outlives a daemon is no business of this machine's.
            .env("XDG_STATE_HOME", scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut line)?;
        let server = Self {
            process,
            address,
            _scratch: scratch,
        };
        match line.trim_end() {
            "ready" => Ok(server),
            other => Err(io::Error::other(format!("{command:?} says {other:?}"))),
        }
    }

    /// Where clients reach it.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// How long it has been at work on a processor so far.
    ///
    /// # Errors
    ///
    /// It has gone.
    pub fn worked(&self) -> io::Result<Duration> {
        let text = fs::read_to_string(self.proc("schedstat"))?;
        let ns = text.split(' ').next().and_then(|word| word.parse().ok());
        Ok(Duration::from_nanos(ns.ok_or(io::ErrorKind::InvalidData)?))
    }

    /// Bytes of memory that are its own: what it has in common with other programs does not count.
    ///
    /// # Errors
    ///
    /// It has gone.
    pub fn memory(&self) -> io::Result<u64> {
        let text = fs::read_to_string(self.proc("status"))?;
        let kib = text
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        Ok(kib.ok_or(io::ErrorKind::InvalidData)? * 1024)
    }

    /// How many descriptors it has open.
    ///
    /// # Errors
    ///
    /// It has gone.
    pub fn descriptors(&self) -> io::Result<usize> {
        Ok(fs::read_dir(self.proc("fd"))?.count())
    }

    /// Orders it to end, waits for that, and says whether it ended well.
    ///
    /// # Errors
    ///
    /// It cannot be reached.
    pub fn end(mut self) -> io::Result<bool> {
        Client::connect(&self.address)?.say(&words::shutdown())?;
        self.process.wait().map(|status| status.success())
    }

    /// Waits until it has ended by itself, at most `limit`; whether it has, and well.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub fn ends_by_itself(mut self, limit: Duration) -> io::Result<bool> {
        let pidfd = pidfd_open(Pid::from_child(&self.process), PidfdFlags::empty())?;
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit))? {
            0 => Ok(false),
            _ => self.process.wait().map(|status| status.success()),
        }
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Allows this process, and those that it starts, as many descriptors as the system lets it have;
/// how many that is.
pub fn raise_descriptor_limit() -> usize {
    limit_descriptors(getrlimit(Resource::Nofile).maximum);
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// Allows this process, and those that it starts, no more than the usual number of descriptors,
/// until somebody asks for more.
pub fn lower_descriptor_limit() {
    limit_descriptors(Some(USUAL_DESCRIPTORS));
}

const USUAL_DESCRIPTORS: u64 = 1024;

fn limit_descriptors(current: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // Should it fail, the loads will say which connection could not be made.
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
}

fn place(transport: Transport) -> io::Result<(Address, Scratch)> {
    let scratch = Scratch::new()?;
    let address = match transport {
        Transport::Unix => Address::Unix(scratch.path().join("socket")),
        // Free a moment ago, and nobody else on this machine takes ports in passing.
        Transport::Tcp => Address::Tcp(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?),
    };
    Ok((address, scratch))
}
