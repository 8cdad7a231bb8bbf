//! Hosts joined by cables: network namespaces of this machine.

use std::env;
use std::fs::{self, File};
use std::net::Ipv6Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::{Arc, LazyLock};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::processes::{self, Process};
use super::{Program, Shell, eventually, flom, scratch, wait_until};

/// Hosts of their own, without any cable yet; `None` where there is no [`privilege`].
pub(crate) fn hosts<const N: usize>() -> Option<[Host; N]> {
    privilege().then(|| [(); N].map(|()| Host::new()))
}

/// Whether we may make namespaces and be other users. If not, that is said loudly; in CI it is a
/// failure.
pub(crate) fn privilege() -> bool {
    static GIVEN: LazyLock<Result<(), String>> = LazyLock::new(|| {
        let name = format!("flom-e2e-{}", process::id());
        run(&["netns", "add", &name])?;
        run(&["netns", "del", &name])
    });
    if let Err(reason) = &*GIVEN {
        assert!(
            env::var_os("CI").is_none(),
            "these tests need root and `ip`: {reason}"
        );
        eprintln!("SKIPPED, NOT PASSED: this test needs root and `ip`: {reason}");
    }
    GIVEN.is_ok()
}

/// A host; removed with everything that runs there when nobody has it any more.
#[derive(Clone)]
pub(crate) struct Host(Arc<Namespace>);

struct Namespace {
    name: String,
    /// As `/proc/PID/ns/net` names it.
    link: PathBuf,
}

impl Host {
    fn new() -> Self {
        let name = format!("flom-e2e-{}-{}", process::id(), scratch::number());
        ip(&["netns", "add", &name]);
        let link = inside(&name, || fs::read_link("/proc/thread-self/ns/net")).unwrap();
        inside(&name, || {
            // Addresses can be used at once: nobody else is on the link who might have them.
            for interfaces in ["all", "default"] {
                let path = format!("/proc/sys/net/ipv6/conf/{interfaces}/accept_dad");
                fs::write(path, "0").unwrap();
            }
        });
        let host = Self(Arc::new(Namespace { name, link }));
        host.ip(&["link", "set", "lo", "up"]);
        host
    }

    /// Joins `interface`, which is new, to `theirs`, which is a new one of `other`. Both have
    /// nothing but a link-local IPv6 address then.
    pub(crate) fn cable(&self, interface: &str, other: &Self, theirs: &str) {
        let netns = &other.0.name;
        let peer = ["type", "veth", "peer", "name", theirs, "netns", netns];
        self.ip(&[&["link", "add", interface][..], &peer].concat());
        self.ip(&["link", "set", interface, "up"]);
        other.ip(&["link", "set", theirs, "up"]);
        self.link_local(interface);
        other.link_local(theirs);
    }

    /// Takes `interface` down.
    pub(crate) fn unplug(&self, interface: &str) {
        self.ip(&["link", "set", interface, "down"]);
    }

    /// Takes `interface` up again.
    pub(crate) fn plug(&self, interface: &str) {
        self.ip(&["link", "set", interface, "up"]);
    }

    /// Gives `interface` an IPv4 address, such as `10.1.0.1/24`.
    pub(crate) fn add_ipv4(&self, interface: &str, address: &str) {
        self.ip(&["address", "add", address, "dev", interface]);
    }

    /// Gives `interface` another IPv6 address, such as `fd00::1/64`.
    pub(crate) fn add_ipv6(&self, interface: &str, address: &str) {
        self.ip(&["address", "add", address, "dev", interface, "nodad"]);
    }

    pub(crate) fn add_default_route(&self, gateway: &str) {
        self.ip(&["route", "add", "default", "via", gateway]);
    }

    /// The address that `interface` has on its link.
    pub(crate) fn link_local(&self, interface: &str) -> Ipv6Addr {
        eventually("a link-local address", || {
            let table = self.read("/proc/thread-self/net/if_inet6");
            let mut lines = table
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>());
            // Address, index, prefix, scope, flags, name.
            let line = lines.find(|words| words[5] == interface && words[3] == "20")?;
            let address = u128::from_str_radix(line[0], 16).unwrap();
            const TENTATIVE: u32 = 0x40;
            let flags = u32::from_str_radix(line[4], 16).unwrap();
            (flags & TENTATIVE == 0).then(|| Ipv6Addr::from_bits(address))
        })
    }

    pub(crate) fn index(&self, interface: &str) -> u32 {
        let table = self.read("/proc/thread-self/net/if_inet6");
        let mut lines = table
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let line = lines
            .find(|words| words[5] == interface)
            .expect("the interface has an address");
        u32::from_str_radix(line[1], 16).unwrap()
    }

    /// Makes `name` stand for `address` in the shells of this host (`/etc/hosts`).
    pub(crate) fn call(&self, name: &str, address: &str) {
        let directory = self.0.files();
        fs::create_dir_all(&directory).unwrap();
        fs::write(
            directory.join("hosts"),
            format!("127.0.0.1 localhost\n{address} {name}\n"),
        )
        .unwrap();
    }

    /// Does something there.
    pub(crate) fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        inside(&self.0.name, act)
    }

    /// The program under test, there.
    pub(crate) fn flom<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Program {
        flom(words).on(self)
    }

    /// Somebody who types there.
    pub(crate) fn shell(&self) -> Shell {
        Shell::new(&self.0.name).keeping(self.clone())
    }

    /// The daemons that were started there and not in a shell.
    pub(crate) fn daemons(&self) -> Vec<Process> {
        let mut processes = self.0.processes();
        processes.retain(|process| process.name == "flomd");
        processes
    }

    /// The one that is there once whoever gave way is gone.
    #[track_caller]
    pub(crate) fn the_daemon(&self) -> Process {
        wait_until("a single daemon", || self.daemons().len() == 1);
        self.daemons().pop().expect("there is one")
    }

    /// Waits until somebody hears datagrams to this port.
    #[track_caller]
    pub(crate) fn wait_for_udp(&self, port: u16) {
        let ending = format!(":{port:04X}");
        wait_until("a UDP socket", || {
            let tables =
                ["udp", "udp6"].map(|kind| self.read(&format!("/proc/thread-self/net/{kind}")));
            let local = |line: &str| line.split_whitespace().nth(1).map(str::to_string);
            let ports = tables
                .iter()
                .flat_map(|table| table.lines().filter_map(local));
            ports.into_iter().any(|address| address.ends_with(&ending))
        });
    }

    fn read(&self, path: &str) -> String {
        self.enter(|| fs::read_to_string(path)).unwrap()
    }

    fn ip(&self, words: &[&str]) {
        ip(&[&["-n", &self.0.name], words].concat());
    }
}

impl Namespace {
    /// What runs there; this program only visits.
    fn processes(&self) -> Vec<Process> {
        let mut processes = processes::all();
        processes.retain(|process| process.network == self.link);
        processes
    }

    /// What `ip netns exec` puts over the files of `/etc`.
    fn files(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        for process in self.processes() {
            process.kill();
        }
        let _ = fs::remove_dir_all(self.files());
        let _ = run(&["netns", "del", &self.name]);
    }
}

/// Does something in a namespace, on a thread of its own: a thread that has moved there stays.
fn inside<T: Send>(name: &str, act: impl FnOnce() -> T + Send) -> T {
    let path = Path::new("/run/netns").join(name);
    let visit = move || {
        let namespace = File::open(path).unwrap();
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        act()
    };
    thread::scope(|scope| scope.spawn(visit).join()).expect("the visit went well")
}

#[track_caller]
fn ip(words: &[&str]) {
    if let Err(error) = run(words) {
        panic!("ip {}: {error}", words.join(" "));
    }
}

fn run(words: &[&str]) -> Result<(), String> {
    let output = Command::new("ip")
        .args(words)
        .output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}
