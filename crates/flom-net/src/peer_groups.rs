//! The groups of the process at the other end of a UNIX connection.
//!
//! The system hands out a list whose length it alone knows, and the safe interface to it takes
//! arrays of exactly that length only: so one length after the other is tried. That is a few calls
//! of the system for nearly everybody, and none for who is never asked.

use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::{getsockopt_impl, libc, sockopt_impl};

/// Groups that a process may have besides its own; Linux allows more, but hardly anybody has them.
pub const PEER_GROUPS_MAX: usize = 255;

/// Returns the list if it is as long as one of 16 lengths from `$base` on.
macro_rules! try_lengths {
    ($socket:expr, $($base:literal)*) => {$(
        try_lengths!(@each $socket, $base, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    )*};
    (@each $socket:expr, $base:literal, $($more:literal)*) => {$({
        sockopt_impl!(
            PeerGroups, GetOnly, libc::SOL_SOCKET, libc::SO_PEERGROUPS, [u32; $base + $more]
        );
        match getsockopt($socket, PeerGroups) {
            Err(Errno::ERANGE) => {} // it is longer
            other => return Ok(other?.to_vec()),
        }
    })*};
}

/// The groups of the process that connected `socket`, a UNIX connection, at that moment: its
/// effective one first, then the others. The system says so, not the process.
///
/// # Errors
///
/// As the system says: for a connection of another kind, for instance. [`io::ErrorKind::Unsupported`]
/// if there are more than [`PEER_GROUPS_MAX`].
pub fn peer_groups(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups = vec![getsockopt(socket, PeerCredentials)?.gid()];
    groups.extend(supplementary(socket)?);
    Ok(groups)
}

fn supplementary(socket: &impl AsFd) -> io::Result<Vec<u32>> {
    try_lengths!(socket, 0 16 32 48 64 80 96 112 128 144 160 176 192 208 224 240);
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("it is in more than {PEER_GROUPS_MAX} groups"),
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use nix::unistd::getegid;

    use super::*;

    /// What the system tells about this process.
    fn own_groups() -> Vec<u32> {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("Groups:"));
        let words = line.unwrap().split_whitespace();
        words.map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn the_effective_group_comes_first_and_the_others_behind_it() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let mut expected = vec![getegid().as_raw()];
        expected.extend(own_groups());
        assert_eq!(peer_groups(&ours).unwrap(), expected);
    }

    #[test]
    fn who_comes_over_the_network_has_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        assert!(!peer_groups(&socket).is_ok_and(|groups| groups.contains(&0)));
    }
}
