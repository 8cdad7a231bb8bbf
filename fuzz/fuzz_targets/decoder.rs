//! A peer may send anything: it comes out the same however it was split, and what comes out can
//! be said again.

#![no_main]

use flom_proto::{DecodeError, Decoder, Message, decode, encode};
use libfuzzer_sys::fuzz_target;

/// Below what the fuzzer makes up by itself, so that the limit is met as well.
const LIMIT: usize = 1023;

// The first byte says into pieces of how many bytes the others are cut.
fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, bytes)) = bytes.split_first() else {
        return;
    };
    let whole = read([bytes]);
    let split = read(bytes.chunks(usize::from(piece).max(1)));
    assert_eq!(whole, split);
    for message in whole.into_iter().flatten() {
        let mut said = Vec::new();
        encode(&message, &mut said);
        assert_eq!(decode(&said), Ok(message));
    }
});

/// All that comes out of `pieces`, up to an error.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<Message, DecodeError>> {
    let mut decoder = Decoder::with_limit(LIMIT);
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while messages.last().is_none_or(Result::is_ok)
            && let Some(next) = decoder.next_message().transpose()
        {
            messages.push(next);
        }
    }
    messages
}
