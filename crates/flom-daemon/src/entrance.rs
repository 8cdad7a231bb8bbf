//! When to look who is at the door, and what to do if there is no room.

use std::io;
use std::os::fd::AsRawFd;

use flom_types::{Time, target};
use log::warn;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;

use crate::conns::Conns;
use crate::door::{Door, Found};
use crate::records::{DOOR_LOST, DOOR_RESTORED, NO_ROOM};
use crate::system_log::SystemLog;

/// Newcomers let in in one turn.
const SHARE: usize = 64;

/// How long to wait for descriptors that others than our clients must give back, in ms.
const RETRY_MS: u64 = 100;

/// The door, and what is known about who stands in front of it.
#[derive(Debug)]
pub(crate) struct Entrance {
    door: Door,
    token: Token,
    watch: Watch,
    /// That there is no room has been said since there was.
    full_logged: bool,
    /// Somebody says that the files of the door are gone.
    swept: bool,
}

/// Whether anybody may be at the door. The system only tells that somebody has come, not that there
/// are others still.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Watch {
    /// Nobody is there; the system will tell when somebody comes.
    Quiet,
    /// Look at once.
    Knocking,
    /// Who is there stays in the system's queue until a connection ends, or until this moment.
    Full(Time),
}

impl Entrance {
    /// Has the system tell under `token` that somebody has come.
    ///
    /// # Errors
    ///
    /// As the system says.
    pub(crate) fn new(door: Door, token: Token, registry: &Registry) -> io::Result<Self> {
        let entrance = Self {
            door,
            token,
            watch: Watch::Knocking,
            full_logged: false,
            swept: false,
        };
        entrance.register(registry)?;
        Ok(entrance)
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    /// Somebody has come.
    pub(crate) fn knock(&mut self) {
        self.watch = Watch::Knocking;
    }

    /// Somebody has found the files of the door gone. They are put back when all have been let in
    /// who came before.
    pub(crate) fn look_after_files(&mut self) {
        self.swept = true;
        self.knock();
    }

    /// A connection has ended.
    pub(crate) fn make_room(&mut self) {
        if let Watch::Full(_) = self.watch {
            self.watch = Watch::Knocking;
        }
    }

    /// When to look, unless the system tells before.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        match self.watch {
            Watch::Quiet => None,
            Watch::Knocking => Some(Time::default()),
            Watch::Full(retry) => Some(retry),
        }
    }

    /// Lets in who is there, as far as a turn goes; how many they are.
    pub(crate) fn let_in(&mut self, now: Time, conns: &mut Conns, registry: &Registry) -> usize {
        let mut newcomers = 0;
        if self.next_deadline().is_none_or(|deadline| deadline > now) {
            return newcomers;
        }
        self.watch = Watch::Knocking;
        for _ in 0..SHARE {
            if conns.is_full() {
                self.wait_for_room(now, Errno::MFILE, conns);
                break;
            }
            match self.door.accept() {
                Found::Client(socket) => match conns.admit(now, socket, registry) {
                    Ok(()) => newcomers += 1,
                    Err(error) => {
                        warn!(target: target::CONN, "cannot watch a new connection: {error}");
                    }
                },
                Found::Nobody => {}
                Found::Empty => {
                    self.watch = Watch::Quiet;
                    self.full_logged = false;
                    break;
                }
                Found::Full(error) => {
                    self.wait_for_room(now, error, conns);
                    break;
                }
            }
        }
        if self.swept && self.watch == Watch::Quiet {
            self.restore(registry, conns.system_log());
        }
        newcomers
    }

    fn restore(&mut self, registry: &Registry, system_log: &SystemLog) {
        self.swept = false;
        let restored = match self.door.restore() {
            Ok(true) => self.register(registry),
            Ok(false) => return,
            Err(error) => Err(io::Error::other(error)),
        };
        let door = &self.door;
        match restored {
            Ok(()) => {
                let text = format_args!("{door} had been removed, it is there again");
                system_log.tell(DOOR_RESTORED, text);
            }
            Err(error) => system_log.tell(DOOR_LOST, format_args!("{door} is gone: {error}")),
        }
    }

    /// Lets in who is there for the last time. If somebody was, the door stays open.
    pub(crate) fn close(&mut self, now: Time, conns: &mut Conns, registry: &Registry) -> usize {
        self.knock();
        let newcomers = self.let_in(now, conns, registry);
        if newcomers > 0 {
            return newcomers;
        }
        // Somebody may be coming right now. Without the name nobody can any more, so whoever is
        // found from here on is the last.
        self.door.hide();
        self.knock();
        let newcomers = self.let_in(now, conns, registry);
        if newcomers > 0 {
            self.reopen(registry, conns.system_log());
        }
        newcomers
    }

    fn reopen(&mut self, registry: &Registry, system_log: &SystemLog) {
        let shown = match self.door.show() {
            Ok(true) => self.register(registry),
            Ok(false) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        };
        if let Err(error) = shown {
            system_log.tell(
                DOOR_LOST,
                format_args!("cannot listen any more, serving those who have come: {error}"),
            );
        }
    }

    fn register(&self, registry: &Registry) -> io::Result<()> {
        let socket = self.door.as_raw_fd();
        registry.register(&mut SourceFd(&socket), self.token, Interest::READABLE)
    }

    /// No descriptors, no memory, or something else that asking again at once does not cure. The
    /// system will not tell again about who is there already.
    fn wait_for_room(&mut self, now: Time, error: Errno, conns: &mut Conns) {
        self.watch = Watch::Full(now.after_ms(RETRY_MS));
        conns.make_room(now);
        if !self.full_logged {
            self.full_logged = true;
            conns.system_log().tell(
                NO_ROOM,
                format_args!("no room for more connections, those who come have to wait: {error}"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::path::PathBuf;

    use flom_net::UnixDoor;
    use mio::Poll;

    use super::*;
    use crate::answers::Answers;

    const NOW: Time = Time(0);

    struct Scene {
        entrance: Entrance,
        conns: Conns,
        poll: Poll,
        socket: PathBuf,
    }

    impl Scene {
        fn set(name: &str) -> Self {
            let name = format!("flom-entrance-{}-{name}", std::process::id());
            let socket = std::env::temp_dir().join(name);
            let poll = Poll::new().unwrap();
            let door = Door::Unix(UnixDoor::open(&socket, 128).unwrap());
            Self {
                entrance: Entrance::new(door, Token(0), poll.registry()).unwrap(),
                conns: Conns::new(Answers::of("id".to_owned())),
                poll,
                socket,
            }
        }

        fn let_in(&mut self) -> usize {
            self.entrance
                .let_in(NOW, &mut self.conns, self.poll.registry())
        }

        fn close(&mut self) -> usize {
            self.entrance
                .close(NOW, &mut self.conns, self.poll.registry())
        }

        fn connect(&self) -> UnixStream {
            UnixStream::connect(&self.socket).unwrap()
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let mut lock = self.socket.clone().into_os_string();
            lock.push(".lock");
            std::fs::remove_file(lock).unwrap();
        }
    }

    #[test]
    fn a_crowd_comes_in_over_several_turns() {
        let mut scene = Scene::set("crowd");
        let _clients: Vec<_> = (0..SHARE + 1).map(|_| scene.connect()).collect();
        assert_eq!(scene.let_in(), SHARE);
        assert!(scene.entrance.next_deadline().is_some());
        assert_eq!(scene.let_in(), 1);
        assert_eq!(scene.entrance.next_deadline(), None);
        assert_eq!(scene.let_in(), 0);
    }

    #[test]
    fn the_door_stays_open_for_who_has_come_at_the_last_moment() {
        let mut scene = Scene::set("last");
        let _client = scene.connect();
        assert_eq!(scene.close(), 1);
        let _other = scene.connect();
        scene.entrance.knock();
        assert_eq!(scene.let_in(), 1);
        assert_eq!(scene.close(), 0);
        assert!(!scene.socket.exists());
    }

    #[test]
    fn a_door_that_was_hidden_for_a_moment_works_as_before() {
        let mut scene = Scene::set("hidden");
        let early = scene.connect();
        scene.entrance.door.hide();
        scene.entrance.knock();
        assert_eq!(scene.let_in(), 1);
        let log = SystemLog::none();
        scene.entrance.reopen(scene.poll.registry(), &log);
        let _late = scene.connect();
        let mut events = mio::Events::with_capacity(8);
        scene.poll.poll(&mut events, None).unwrap();
        assert!(events.iter().any(|event| event.token() == Token(0)));
        scene.entrance.knock();
        assert_eq!(scene.let_in(), 1);
        drop(early);
    }

    #[test]
    fn a_door_that_was_swept_away_is_put_back_when_somebody_misses_it() {
        let mut scene = Scene::set("swept");
        let _early = scene.connect();
        std::fs::remove_file(&scene.socket).unwrap();
        UnixDoor::open(&scene.socket, 128).unwrap_err();
        scene.entrance.look_after_files();
        assert_eq!(scene.let_in(), 1);
        let _late = scene.connect();
        scene.entrance.knock();
        assert_eq!(scene.let_in(), 1);
    }

    #[test]
    fn without_room_it_looks_again_when_somebody_leaves_or_after_a_while() {
        let mut scene = Scene::set("full");
        scene
            .entrance
            .wait_for_room(NOW, Errno::MFILE, &mut scene.conns);
        let _client = scene.connect();
        assert_eq!(scene.let_in(), 0);
        assert_eq!(scene.entrance.next_deadline(), Some(Time(RETRY_MS)));
        scene.entrance.make_room();
        assert_eq!(scene.let_in(), 1);
    }

    #[test]
    fn who_never_asks_for_anything_gives_way_after_a_while() {
        let mut scene = Scene::set("silent");
        let _client = scene.connect();
        assert_eq!(scene.let_in(), 1);
        for (now, left) in [(9_999, 1), (10_000, 0)] {
            scene
                .entrance
                .wait_for_room(Time(now), Errno::MFILE, &mut scene.conns);
            assert_eq!(scene.conns.len(), left, "after {now} ms");
        }
    }
}
