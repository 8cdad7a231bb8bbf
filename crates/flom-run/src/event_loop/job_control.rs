//! A command that leads a group of its own has the terminal, and is stopped and continued together
//! with flom, as one job of the shell.

use signal_hook::consts::{SIGCONT, SIGTTIN, SIGTTOU};

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

    /// A child has stopped, or ended. Whoever has stopped it at the terminal has stopped us, too.
    pub(super) fn look_whether_stopped(&mut self) {
        let Some(signal) = self.child.as_ref().and_then(Child::stopped_by) else {
            return;
        };
        let wants_terminal = matches!(signal, SIGTTIN | SIGTTOU);
        if self.run.is_frozen() || (self.terminal.is_none() && !wants_terminal) {
            return;
        }
        // In the meantime we may have come to the foreground: nobody tells.
        if wants_terminal && self.has_terminal() {
            return self.go_on();
        }
        if let Some(terminal) = &self.terminal {
            terminal.take();
        }
        stop_ourselves();
        self.go_on();
    }

    /// Somebody has had us go on: the command does, too, and has the terminal if we have it.
    pub(super) fn go_on(&mut self) {
        let is_ours = self.has_terminal();
        let Some(child) = &self.child else {
            return;
        };
        if let Some(terminal) = self.terminal.as_ref().filter(|_| is_ours) {
            terminal.give(child.id());
        }
        if !self.run.is_frozen() {
            child.signal(SIGCONT);
        }
    }

    /// Whether the terminal is ours, and not the command's.
    fn has_terminal(&mut self) -> bool {
        match &self.terminal {
            Some(terminal) => terminal.is_ours(),
            None => {
                self.terminal = Terminal::in_the_foreground();
                self.terminal.is_some()
            }
        }
    }
}
