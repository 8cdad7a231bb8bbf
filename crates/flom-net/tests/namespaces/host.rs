//! Hosts to test with: network namespaces, which need root and `ip`.

use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::unistd::Uid;

/// A host of its own, gone when dropped.
pub(crate) struct Host {
    namespace: String,
}

/// Whether hosts can be made here. Tests without them prove nothing, so this is said aloud, and is
/// a failure where all tests are meant to run.
pub(crate) fn hosts_are_possible() -> bool {
    let ip = Command::new("ip").arg("-V").output().is_ok();
    if ip && Uid::effective().is_root() {
        return true;
    }
    eprintln!("NOT TESTED: network namespaces need root and `ip` (iproute2)");
    assert_ne!(
        std::env::var("CI").as_deref(),
        Ok("true"),
        "not tested in CI"
    );
    false
}

impl Host {
    /// With nothing but a loopback interface, which is up.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let host = Self {
            namespace: format!("flom-net-{}-{number}", std::process::id()),
        };
        ip(&format!("netns add {}", host.namespace));
        host.ip("link set lo up");
        host
    }

    /// Joins two hosts by a cable, without a route to anywhere else. Each end is called `name` and
    /// has the addresses `fe80::N` and `10.NET.0.N`, N being 1 here and 2 there.
    pub(crate) fn connect(&self, name: &str, there: &Self, there_name: &str, net: u8) {
        let ends = [(self, name), (there, there_name)];
        ip(&format!(
            "link add {name} netns {} type veth peer name {there_name} netns {}",
            self.namespace, there.namespace
        ));
        for ((host, name), number) in ends.into_iter().zip(1..) {
            host.ip(&format!("link set {name} addrgenmode none"));
            host.ip(&format!("link set {name} up"));
            host.ip(&format!("addr add 10.{net}.0.{number}/24 dev {name}"));
            host.ip(&format!("addr add fe80::{number}/64 dev {name} nodad"));
        }
        for (host, name) in ends {
            host.wait_for(name);
        }
    }

    /// Does `work` on this host: sockets opened there stay there.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.namespace)).unwrap();
        let on_host = || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).unwrap(); // this thread alone
            work()
        };
        thread::scope(|scope| scope.spawn(on_host).join().expect("work on a host failed"))
    }

    pub(crate) fn ip(&self, arguments: &str) -> String {
        ip(&format!("-n {} {arguments}", self.namespace))
    }

    /// The system notices that a cable is plugged in somewhat later, and has no IPv6 before.
    fn wait_for(&self, name: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self
            .ip("-6 route show table local")
            .contains(&format!("ff00::/8 dev {name}"))
        {
            assert!(Instant::now() < deadline, "{name} does not come up");
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        ip(&format!("netns del {}", self.namespace));
    }
}

fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {error}");
    String::from_utf8(output.stdout).unwrap()
}
