//! From bytes to messages.
//!
//! ```text
//!   feed ──► inbox: cut at </msg>, cap ──► XML reader: tags ──► draft: attributes ──► Message
//!                                      └─► canonical: the usual form at a glance ────────► Message
//! ```

use flom_types::limits::MESSAGE_BYTES;
use quick_xml::errors::{Error as XmlError, IllFormedError};
use quick_xml::events::Event;
use quick_xml::reader::Reader;

use crate::canonical;
use crate::element::Draft;
use crate::error::DecodeError;
use crate::inbox::Inbox;
use crate::message::Message;

/// Makes messages of the bytes of one peer.
///
/// Give it bytes as they come with [`feed`](Self::feed), then take messages with
/// [`next_message`](Self::next_message) until there are none.
#[derive(Debug)]
pub struct Decoder {
    /// One for all messages of the peer: its buffers are used again.
    xml: Reader<Inbox>,
    /// The tag that is being looked at.
    tag: Vec<u8>,
    /// What the peer did; there is no way to tell where its next message would start.
    failed: Option<DecodeError>,
}

impl Decoder {
    /// For messages as long as this program takes them: [`MESSAGE_BYTES`].
    pub fn new() -> Self {
        Self::with_limit(MESSAGE_BYTES)
    }

    /// For messages of at most `bytes` bytes, `</msg>` included.
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            xml: Reader::from_reader(Inbox::new(bytes)),
            tag: Vec::new(),
            failed: None,
        }
    }

    /// Takes bytes in the order the peer sent them, however they were split.
    ///
    /// A decoder that has failed takes no more.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.xml.get_mut().feed(bytes);
        }
    }

    /// The next whole message, or `None` until more bytes have been fed.
    ///
    /// # Errors
    ///
    /// What the peer did wrong. The decoder has failed then and says so for ever: the connection
    /// is to be closed.
    pub fn next_message(&mut self) -> Result<Option<Message>, DecodeError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let next = self.read_next();
        self.failed = next.as_ref().err().copied();
        next
    }

    /// How many bytes were fed and are not part of a message taken. Zero means that the peer has
    /// not left off in the middle of a message.
    pub fn pending(&self) -> usize {
        self.xml.get_ref().len()
    }

    fn read_next(&mut self) -> Result<Option<Message>, DecodeError> {
        let inbox = self.xml.get_mut();
        if !inbox.cut()? {
            return Ok(None);
        }
        if let Some(message) = canonical::read(inbox.message()) {
            inbox.take();
            return Ok(Some(message));
        }
        self.read_draft()?.finish().map(Some)
    }

    /// Reads the message that has been cut. Never to the end of the file, after which the reader
    /// would read no other message: it stops at the end tag that the cut has left as the last.
    fn read_draft(&mut self) -> Result<Draft, DecodeError> {
        let mut draft = Draft::default();
        let mut depth = 0_usize;
        loop {
            self.tag.clear();
            let event = self
                .xml
                .read_event_into(&mut self.tag)
                .map_err(|error| unreadable(&error))?;
            match &event {
                Event::Start(tag) => {
                    draft.take(tag)?;
                    depth += 1;
                }
                Event::Empty(tag) => draft.take(tag)?,
                // The reader has seen to it that there was a start tag.
                Event::End(_) => depth -= 1,
                Event::Text(text) if depth == 0 && !is_blank(text) => return Err(TEXT_OUTSIDE),
                Event::CData(_) | Event::GeneralRef(_) if depth == 0 => return Err(TEXT_OUTSIDE),
                _ => {}
            }
            if self.xml.get_ref().is_taken() {
                return match event {
                    Event::End(_) if depth == 0 => Ok(draft),
                    _ => Err(NOT_CLOSED),
                };
            }
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads a datagram, which holds one message and nothing else but white space around it.
///
/// # Errors
///
/// What is wrong with it.
pub fn decode(datagram: &[u8]) -> Result<Message, DecodeError> {
    let mut decoder = Decoder::new();
    decoder.feed(datagram);
    let message = decoder.next_message()?.ok_or(DecodeError::Incomplete)?;
    decoder.xml.get_mut().skip_white_space();
    match decoder.pending() {
        0 => Ok(message),
        bytes => Err(DecodeError::Trailing { bytes }),
    }
}

const TEXT_OUTSIDE: DecodeError = DecodeError::Unreadable {
    problem: "there is text outside of all elements",
};
const NOT_CLOSED: DecodeError = DecodeError::Unreadable {
    problem: "an element, comment or declaration is not closed",
};

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

/// Without the reader's own words, which may hold what the peer sent.
fn unreadable(error: &XmlError) -> DecodeError {
    let problem = match error {
        XmlError::Encoding(_) => "it is not in UTF-8",
        XmlError::IllFormed(
            IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_),
        ) => "an end tag does not match the start tag",
        XmlError::Syntax(_) => return NOT_CLOSED,
        _ => "it is not XML",
    };
    DecodeError::Unreadable { problem }
}

/// Reads one message by the XML reader alone.
#[cfg(test)]
pub(crate) fn parse(message: &[u8]) -> Result<Message, DecodeError> {
    let mut decoder = Decoder::new();
    decoder.feed(message);
    assert_eq!(decoder.xml.get_mut().cut(), Ok(true));
    decoder.read_draft()?.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_conversation_needs_no_more_memory_than_a_short_one() {
        let request = br#"<?xml version="1.0" encoding="UTF-8" ?><msg level="3" verb="1" step="8"><resource name="QQ=="/></msg>"#;
        let mut decoder = Decoder::new();
        for _ in 0..1000 {
            decoder.feed(request);
            assert!(matches!(decoder.next_message(), Ok(Some(Message::Lock(_)))));
        }
        assert!(decoder.tag.capacity() < 2 * request.len());
    }
}
