//! What a program prints.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use super::{PATIENCE, uninterrupted};

/// An output, collected as it comes.
#[derive(Default)]
pub(super) struct Collected {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    ended: bool,
}

impl Collected {
    /// There is no such output.
    pub(super) fn nothing() -> Arc<Self> {
        let collected = Self::default();
        collected.state.lock().unwrap().ended = true;
        Arc::new(collected)
    }

    pub(super) fn of(mut output: impl Read + Send + 'static) -> Arc<Self> {
        let collected = Arc::new(Self::default());
        let theirs = Arc::clone(&collected);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let count = uninterrupted(|| output.read(&mut buffer)).unwrap_or(0);
                let mut state = theirs.state.lock().unwrap();
                state.bytes.extend_from_slice(&buffer[..count]);
                state.ended = count == 0;
                theirs.changed.notify_all();
                if count == 0 {
                    return;
                }
            }
        });
        collected
    }

    pub(super) fn text(&self) -> String {
        lossy(&self.state.lock().unwrap().bytes)
    }

    /// Whether there is `text` behind the first `skip` bytes before the output ends, or our
    /// patience.
    pub(super) fn wait_for(&self, skip: usize, text: &str) -> bool {
        let has_text = |state: &State| lossy(&state.bytes[skip..]).contains(text);
        has_text(&self.wait_until(has_text))
    }

    /// Whether it has ended before our patience has.
    pub(super) fn wait_for_end(&self) -> bool {
        self.wait_until(|_| false).ended
    }

    fn wait_until(&self, is_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let state = self.state.lock().unwrap();
        let goes_on = |state: &mut State| !is_so(state) && !state.ended;
        self.changed
            .wait_timeout_while(state, PATIENCE, goes_on)
            .unwrap()
            .0
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
