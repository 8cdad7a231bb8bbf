//! The service manager that has started the daemon, if it wants to know how it is (`sd_notify(3)`).

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How long the manager may take to read what there is before us.
const LIMIT: Duration = Duration::from_secs(5);

/// Who is told when the daemon is ready, and when it ends.
#[derive(Clone, Debug)]
pub struct Supervisor {
    /// A path, or a name outside of the file system behind an `@`; `None` if nobody wants to know.
    socket: Option<OsString>,
}

impl Supervisor {
    /// The one that `NOTIFY_SOCKET` names.
    pub fn from_environment() -> Self {
        Self::at(env::var_os("NOTIFY_SOCKET"))
    }

    fn at(socket: Option<OsString>) -> Self {
        Self { socket }
    }

    /// Clients can come; `status` says where to, for people.
    ///
    /// # Errors
    ///
    /// As the system says; the manager does not know it then.
    pub fn ready(&self, status: &str) -> io::Result<()> {
        let status = status.replace('\n', " ");
        self.tell(&format!("READY=1\nSTATUS=listening on {status}"))
    }

    /// The daemon ends.
    ///
    /// # Errors
    ///
    /// As the system says; the manager does not know it then.
    pub fn stopping(&self) -> io::Result<()> {
        self.tell("STOPPING=1")
    }

    fn tell(&self, state: &str) -> io::Result<()> {
        let Some(socket) = self.socket.as_ref().filter(|name| !name.is_empty()) else {
            return Ok(());
        };
        let manager = UnixDatagram::unbound()?;
        manager.set_write_timeout(Some(LIMIT))?;
        manager.send_to_addr(state.as_bytes(), &address(socket)?)?;
        Ok(())
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(manager: &UnixDatagram) -> String {
        let limit = Some(Duration::from_secs(20));
        manager.set_read_timeout(limit).unwrap();
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_manager_hears_when_the_daemon_is_ready_and_when_it_ends() {
        let name = format!("flom-supervisor-{}", std::process::id());
        let path = env::temp_dir().join(&name);
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        let managers = [
            (UnixDatagram::bind(&path), path.clone().into_os_string()),
            (
                UnixDatagram::bind_addr(&abstract_name),
                format!("@{name}").into(),
            ),
        ];
        for (manager, name) in managers {
            let manager = manager.unwrap();
            let supervisor = Supervisor::at(Some(name));
            supervisor.ready("/run/flom/socket").unwrap();
            assert_eq!(
                heard(&manager),
                "READY=1\nSTATUS=listening on /run/flom/socket"
            );
            supervisor.stopping().unwrap();
            assert_eq!(heard(&manager), "STOPPING=1");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn without_a_manager_nobody_is_told_and_one_that_is_gone_is_no_success() {
        for nobody in [None, Some(OsString::new())] {
            Supervisor::at(nobody).ready("/s").unwrap();
        }
        Supervisor::at(Some("/no/such/manager".into()))
            .ready("/s")
            .unwrap_err();
    }
}
