//! A command that leads a group of its own has the terminal, and is stopped and continued together
//! with flom, as one job of the shell.

use signal_hook::consts::SIGCONT;

use super::Rim;
use crate::child::Child;
use crate::terminal::{Terminal, stop_ourselves};

impl Rim<'_> {
    /// Gives the terminal to a command that has just started, if it is ours.
    pub(super) fn give_terminal(&mut self, child: &Child) {
        if self.terminal.is_none() {
            self.terminal = Terminal::in_the_foreground();
        }
        if let Some(terminal) = &self.terminal {
            terminal.give(child.id());
            // It may have wanted to read before it was its own, and was stopped for that.
            child.signal(SIGCONT);
        }
    }

    /// Takes the terminal back.
    pub(super) fn take_terminal(&mut self) {
        if let Some(terminal) = self.terminal.take() {
            terminal.take();
        }
    }

    /// A child has stopped, or ended. If somebody has stopped it at the terminal, we stop with it.
    pub(super) fn look_whether_stopped(&mut self) {
        let (Some(child), Some(terminal)) = (&self.child, &self.terminal) else {
            return;
        };
        if child.has_stopped() && !self.run.is_frozen() {
            terminal.take();
            stop_ourselves();
            self.go_on();
        }
    }

    /// Somebody has had us go on: the command does, too, and has the terminal if we have it.
    pub(super) fn go_on(&mut self) {
        let (Some(child), Some(terminal)) = (&self.child, &self.terminal) else {
            return;
        };
        if terminal.is_ours() {
            terminal.give(child.id());
        }
        if !self.run.is_frozen() {
            child.signal(SIGCONT);
        }
    }
}
