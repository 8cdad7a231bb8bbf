//! Showing what the daemon keeps as a file system, if the settings say so.

use std::error::Error;
use std::path::Path;

use flom_daemon::{Daemon, NotShown, TakeDown, Window};
use flom_settings::Settings;
#[cfg(feature = "vfs")]
use flom_settings::Transport;

/// Mounts it. That fails without harm to locks, and so does not keep the daemon from serving: the
/// system log is told, and the one who has started the daemon is to be.
pub(crate) fn mount(daemon: &mut Daemon, settings: &Settings) -> Option<NotShown> {
    let directory = settings.daemon.mount_point_vfs.as_ref()?;
    let put_up = |window| put_up(directory, settings, window);
    daemon.exhibit(directory.display(), put_up).err()
}

#[cfg(feature = "vfs")]
fn put_up(
    directory: &Path,
    settings: &Settings,
    mut window: Window,
) -> Result<TakeDown, Box<dyn Error>> {
    let socket = match settings.transport() {
        Transport::Unix(path) => Some(path),
        _ => None,
    };
    let needed: Vec<&Path> = [socket.as_deref(), settings.trace.daemon_file.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let mounted = flom_vfs::mount(directory, &needed, move || window.look())?;
    Ok(Box::new(move || mounted.unmount().map_err(Box::from)))
}

#[cfg(not(feature = "vfs"))]
fn put_up(_: &Path, _: &Settings, _: Window) -> Result<TakeDown, Box<dyn Error>> {
    Err("this program was built without it (cargo feature `vfs`)".into())
}
