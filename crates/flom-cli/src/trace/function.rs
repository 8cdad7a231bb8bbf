//! Tracing a debug feature function by function, in the form that users of FLoM 1.7.2 know.

use std::fmt::Display;

use flom_types::{ReturnCode, target};
use log::debug;

/// A function that is traced.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    function: &'static str,
}

impl Traced {
    /// `FUNCTION` begins.
    pub fn enter(function: &'static str) -> Self {
        debug!(target: target::DEBUG_FEATURES, "{function}");
        Self { function }
    }

    /// `FUNCTION: TEXT`.
    pub fn say(self, text: impl Display) {
        debug!(target: target::DEBUG_FEATURES, "{}: {text}", self.function);
    }

    /// `FUNCTION/CALL(): RESULT`, the result of a system call.
    pub fn call(self, call: &str, result: impl Display) {
        debug!(target: target::DEBUG_FEATURES, "{}/{call}(): {result}", self.function);
    }

    /// The last line, `FUNCTION/excp=STEP/ret_cod=CODE/errno=ERRNO`: `step` is how far it came.
    pub fn exit(self, step: u32, code: ReturnCode, errno: i32) {
        let (function, ReturnCode(code)) = (self.function, code);
        debug!(
            target: target::DEBUG_FEATURES,
            "{function}/excp={step}/ret_cod={code}/errno={errno}"
        );
    }
}
