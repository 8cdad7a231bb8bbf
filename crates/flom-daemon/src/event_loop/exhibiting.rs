//! Showing what the daemon keeps in another place, from another thread.

use std::error::Error;
use std::fmt::Display;

use flom_types::Chain;

use super::{Daemon, WINDOW};
use crate::records::{MOUNT_FAILED, MOUNTED, UNMOUNTING};
use crate::window::{Exhibition, Frame, NotShown, TakeDown, Window};

impl Daemon {
    /// Has what is kept shown at `place`: `put_up` gets a window to look through, and gives what
    /// takes it down when the daemon ends.
    ///
    /// # Errors
    ///
    /// [`NotShown`], with what `put_up` says. The daemon serves all the same, and its system log is
    /// told.
    pub fn exhibit(
        &mut self,
        place: impl Display,
        put_up: impl FnOnce(Window) -> Result<TakeDown, Box<dyn Error>>,
    ) -> Result<(), NotShown> {
        let place = place.to_string();
        let opened = Frame::new(self.poll.registry(), WINDOW).map_err(Box::from);
        let put_up = opened.and_then(|(frame, window)| Ok((frame, put_up(window)?)));
        let (frame, take_down) = put_up.map_err(|error| {
            let place = place.clone();
            let reason = Chain(&*error).to_string();
            let not_shown = NotShown { place, reason };
            self.system_log.tell(MOUNT_FAILED, &not_shown);
            not_shown
        })?;
        self.system_log
            .tell(MOUNTED, format_args!("shows what it keeps at {place}"));
        self.exhibition = Some(Exhibition {
            place,
            frame,
            take_down,
        });
        Ok(())
    }

    /// Nobody waits for a view any more when it is taken down.
    pub(super) fn take_down(&mut self) {
        let Some(Exhibition {
            place,
            frame,
            take_down,
        }) = self.exhibition.take()
        else {
            return;
        };
        drop(frame);
        let log = &self.system_log;
        log.tell(UNMOUNTING, format_args!("unmounts {place}"));
        if let Err(error) = take_down() {
            let error = Chain(&*error);
            let text = format_args!("{error}; as root: umount -l {place}");
            log.tell(MOUNT_FAILED, text);
        }
    }
}
