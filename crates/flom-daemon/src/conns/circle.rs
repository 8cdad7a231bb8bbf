//! A deadlock in words, for those whose request would have closed it.

use std::fmt::Write as _;

use flom_core::Link;
use flom_types::{ResourceName, SessionId};

use super::{Conns, number};
use crate::conversation::Conversation;

/// So long may a circle be in words: a message takes no more of a text than that, with all that has
/// to be escaped in it.
const TEXT_BYTES: usize = 8 * 1024;

impl Conns {
    /// Who waits for whom, a line for each: `ann@vm pid 7 backup waits for b (EX), which bob@vm pid 9
    /// "deploy" holds (EX)`. The last one is held by the first, or by somebody around it.
    pub(super) fn tell_circle(&self, circle: &[Link]) -> String {
        let mut text = String::new();
        let mut before: Option<&Link> = None;
        for (told, link) in circle.iter().enumerate() {
            let (end, rest) = (text.len(), circle.len() - told);
            if let Some(before) = before {
                text.push('\n');
                if before.holder != link.waiter {
                    text.push_str("under that lock, ");
                }
            }
            self.tell_link(link, &mut text);
            if text.len() > TEXT_BYTES {
                text.truncate(end);
                let _ = write!(text, "\nand so on, {rest} times");
                break;
            }
            before = Some(link);
        }
        text
    }

    fn tell_link(&self, link: &Link, text: &mut String) {
        let Link {
            waiter,
            resource,
            holder,
        } = link;
        let (asked, held) = (self.how(*waiter, resource), self.how(*holder, resource));
        let does = match self
            .conversation(*holder)
            .is_some_and(Conversation::is_waiting)
        {
            true => "has waited for longer",
            false => "holds",
        };
        let (waiter, holder) = (self.whom(*waiter), self.whom(*holder));
        let _ = write!(
            text,
            "{waiter} waits for {resource}{asked}, which {holder} {does}{held}"
        );
    }

    fn conversation(&self, session: SessionId) -> Option<&Conversation> {
        Some(self.get(session)?.conversation())
    }

    fn whom(&self, session: SessionId) -> String {
        if let Some(conn) = self.get(session) {
            return conn.peer().to_string();
        }
        let mut kept = self.kept_peers();
        match kept.find(|(alone, _)| *alone == session) {
            Some((_, peer)) => peer.to_string(),
            None => format!("session {}", number(session)),
        }
    }

    /// In which mode, where there are modes; on which path, where it is another one.
    fn how(&self, session: SessionId, resource: &ResourceName) -> String {
        let asked = self.conversation(session).and_then(Conversation::asked);
        match asked {
            Some((name, mode)) if name.kind().has_modes() && name == resource => {
                format!(" ({mode})")
            }
            Some((name, mode)) if name.kind().has_modes() => format!(" ({mode} on {name})"),
            _ => String::new(),
        }
    }
}
