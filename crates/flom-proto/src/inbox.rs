//! The bytes of a peer, cut into messages at `</msg>` before anybody tries to understand them.
//!
//! ```text
//!   bytes  [ messages taken | message cut | more messages, the last perhaps in part ]
//!          0                start         end          scanned                      len
//! ```

use std::io::{self, BufRead, Read};

use memchr::memchr;

use crate::error::DecodeError;

/// What ends a message: these bytes and no others, wherever they stand (`spec/protocol.md` §1).
pub(crate) const END: &[u8] = b"</msg>";

/// What a peer has sent and nobody has taken yet. As a reader it gives out the message that has
/// been cut and nothing beyond.
#[derive(Debug)]
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    /// Where the first message that has not been taken starts.
    start: usize,
    /// Where it ends, if it has been cut; else `start`.
    end: usize,
    /// No message after `end` ends before this byte. Keeps the cost linear for a peer that sends
    /// one byte at a time.
    scanned: usize,
    limit: usize,
}

impl Inbox {
    /// For messages of at most `limit` bytes each.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            end: 0,
            scanned: 0,
            limit,
        }
    }

    /// How many bytes nobody has taken.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether the message that was cut has been taken to its last byte.
    pub(crate) fn is_taken(&self) -> bool {
        self.start == self.end
    }

    /// Takes what has been cut.
    pub(crate) fn take(&mut self) {
        self.start = self.end;
    }

    /// What has been cut, but for what has been taken of it.
    pub(crate) fn message(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Adds `bytes`, which came after all others.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        // What has been taken goes once it is the larger part: each byte moves about once.
        if self.start >= self.len() {
            self.bytes.drain(..self.start);
            self.scanned -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Drops the white space before the next message.
    pub(crate) fn skip_white_space(&mut self) {
        let white = self.bytes[self.start..]
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
        self.start += white;
        self.end = self.start;
        self.scanned = self.scanned.max(self.start);
    }

    /// Cuts the next message; `false` if it has not arrived in full.
    ///
    /// # Errors
    ///
    /// [`DecodeError::TooLong`] as soon as it is clear that it would exceed the limit.
    pub(crate) fn cut(&mut self) -> Result<bool, DecodeError> {
        self.skip_white_space();
        let stop = self.bytes.len().min(self.start.saturating_add(self.limit));
        while let Some(offset) = memchr(b'>', &self.bytes[self.scanned..stop]) {
            self.scanned += offset + 1;
            if self.bytes[self.start..self.scanned].ends_with(END) {
                self.end = self.scanned;
                return Ok(true);
            }
        }
        self.scanned = stop;
        if stop - self.start == self.limit {
            return Err(DecodeError::TooLong { limit: self.limit });
        }
        Ok(false)
    }
}

impl BufRead for Inbox {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.message())
    }

    fn consume(&mut self, amount: usize) {
        self.start = self.end.min(self.start + amount);
    }
}

impl Read for Inbox {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_at_the_exact_mark_and_the_rest_stays() {
        let mut inbox = Inbox::new(100);
        inbox.feed(b" \n<a>< /msg></msg ></MSG><!-- </msg> --></msg>\t");
        assert_eq!(inbox.cut(), Ok(true));
        let mut read = Vec::new();
        inbox.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"<a>< /msg></msg ></MSG><!-- </msg>");
        assert!(inbox.is_taken());
        assert_eq!(inbox.cut(), Ok(true));
        assert_eq!(inbox.message(), b"--></msg>");
        inbox.consume(usize::MAX >> 1);
        assert_eq!(inbox.len(), 1);
        assert_eq!(inbox.cut(), Ok(false));
        assert_eq!(inbox.len(), 0);
    }

    #[test]
    fn a_message_may_have_as_many_bytes_as_the_limit_and_none_more() {
        let mut inbox = Inbox::new(10);
        inbox.feed(b"   1234</msg>   ");
        assert_eq!(inbox.cut(), Ok(true));
        assert_eq!(inbox.message().len(), 10);
        inbox.consume(10);
        inbox.feed(b"12345</msg");
        assert_eq!(inbox.cut(), Err(DecodeError::TooLong { limit: 10 }));
    }

    #[test]
    fn white_space_between_messages_is_not_kept() {
        let mut inbox = Inbox::new(10);
        for _ in 0..100 {
            inbox.feed(b"\r\n\t ");
            assert_eq!(inbox.cut(), Ok(false));
        }
        assert!(inbox.bytes.len() <= 4);
    }

    #[test]
    fn bytes_that_came_one_at_a_time_are_looked_at_once() {
        let mut inbox = Inbox::new(100);
        for byte in b"<msg><<</msg" {
            inbox.feed(&[*byte]);
            assert_eq!(inbox.cut(), Ok(false));
            assert_eq!(inbox.scanned, inbox.bytes.len());
        }
        inbox.feed(b">");
        assert_eq!(inbox.cut(), Ok(true));
        assert_eq!(inbox.message().len(), 13);
    }

    #[test]
    fn taken_messages_make_room() {
        let mut inbox = Inbox::new(100);
        for _ in 0..1000 {
            inbox.feed(b"1234</msg>1234</m");
            assert_eq!(inbox.cut(), Ok(true));
            assert_eq!(inbox.message().len(), 10);
            inbox.consume(10);
            inbox.feed(b"sg>");
            assert_eq!(inbox.cut(), Ok(true));
            assert_eq!(inbox.message().len(), 10);
            inbox.consume(10);
        }
        assert!(inbox.bytes.len() <= 40);
    }
}
