//! What `FLOM_TRACE_MASK` asks for: one line for each step, on stderr (`spec/tracing.md`).
//!
//! The head of a line, the exit lines and the dumps have the form that users of FLoM 1.7.2 know.
//! What is traced, and in which words, is up to the caller.

use std::env;
use std::ffi::OsStr;
use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::process;

use flom_settings::scan;
use flom_types::ReturnCode;
use jiff::Zoned;

/// Bytes of the longest line, its end not included: what is longer is cut.
const LINE_BYTES: usize = 1999;

thread_local! {
    /// Its address tells threads apart.
    static MARK: u8 = const { 0 };
}

/// Which modules are traced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceMask(pub u64);

impl TraceMask {
    /// The debug features: the bit of FLoM 1.7.2, and the one before it, which people still type.
    pub const DEBUG_FEATURES: Self = Self(0x10_0000 | 0x1_0000);

    /// The value of `FLOM_TRACE_MASK`; nothing if it is not set.
    pub fn from_environment() -> Self {
        env::var_os("FLOM_TRACE_MASK").map_or(Self::default(), |text| Self::parse(&text))
    }

    /// Reads a number as C does, and passes over what follows it. What is no number is 0, what is
    /// too large is all bits.
    pub fn parse(text: &OsStr) -> Self {
        let bits = scan(text.as_bytes()).map_or(0, |scanned| match scanned.magnitude {
            Some(bits) if scanned.negative => bits.wrapping_neg(),
            Some(bits) => bits,
            None => u64::MAX,
        });
        Self(bits)
    }

    /// Whether any of `bits` is set.
    pub fn has_any(self, bits: Self) -> bool {
        self.0 & bits.0 != 0
    }
}

/// Writes the trace of one module.
#[derive(Clone, Copy, Debug)]
pub struct Tracer {
    on: bool,
}

impl Tracer {
    /// A tracer for the module with `bits`, which writes if `mask` has any of them.
    pub fn new(mask: TraceMask, bits: TraceMask) -> Self {
        let on = mask.has_any(bits);
        Self { on }
    }

    /// Traces that `function` begins.
    pub fn enter(self, function: &'static str) -> Traced {
        self.write(format_args!("{function}"));
        Traced {
            tracer: self,
            function,
        }
    }

    fn write(self, text: impl Display) {
        if self.on {
            let line = line(&Zoned::now(), process::id(), thread(), text);
            // A trace that cannot be written must not change what is traced.
            let _ = io::stderr().write_all(&line);
        }
    }
}

/// A function that is traced, from [`Tracer::enter`] on.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    tracer: Tracer,
    function: &'static str,
}

impl Traced {
    /// `FUNCTION: TEXT`.
    pub fn say(self, text: impl Display) {
        let function = self.function;
        self.tracer.write(format_args!("{function}: {text}"));
    }

    /// `FUNCTION/CALL(): RESULT`, the result of a system call.
    pub fn call(self, call: &str, result: impl Display) {
        let function = self.function;
        self.tracer
            .write(format_args!("{function}/{call}(): {result}"));
    }

    /// The last line, `FUNCTION/excp=STEP/ret_cod=CODE/errno=ERRNO`: `step` is how far it came.
    pub fn exit(self, step: u32, code: ReturnCode, errno: i32) {
        let (function, ReturnCode(code)) = (self.function, code);
        self.tracer.write(format_args!(
            "{function}/excp={step}/ret_cod={code}/errno={errno}"
        ));
    }
}

/// `addrlen=28; IPv6 address, sin6_port=28015, ...`.
pub fn dump_address(address: &SocketAddr) -> String {
    let length = address_length(address);
    match address {
        SocketAddr::V4(v4) => format!(
            "addrlen={length}; IPv4 address, sin_port={}, sin_addr='{}'",
            v4.port(),
            v4.ip()
        ),
        SocketAddr::V6(v6) => format!(
            "addrlen={length}; IPv6 address, sin6_port={}, sin6_flowinfo={:#x}, sin6_addr='{}', \
             sin6_scope_id={}",
            v6.port(),
            v6.flowinfo(),
            v6.ip(),
            v6.scope_id()
        ),
    }
}

/// `[ai_flags=1,ai_family=10,...] `: an entry of the resolver for datagrams, with its final blank.
///
/// `flags` are those of the question; the entry has no canonical name.
pub fn dump_resolved(flags: i32, address: &SocketAddr) -> String {
    const AF_INET: i32 = 2;
    const AF_INET6: i32 = 10;
    const SOCK_DGRAM: i32 = 2;
    const IPPROTO_UDP: i32 = 17;
    let family = match address {
        SocketAddr::V4(_) => AF_INET,
        SocketAddr::V6(_) => AF_INET6,
    };
    format!(
        "[ai_flags={flags},ai_family={family},ai_socktype={SOCK_DGRAM},ai_protocol={IPPROTO_UDP},\
         ai_addrlen={},ai_canonname='{}'] ",
        address_length(address),
        or_null(None)
    )
}

/// Two hexadecimal digits and a blank for each byte.
pub fn dump_bytes(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x} ").expect("a string takes any text");
        text
    })
}

/// What is printable ASCII of `bytes`, a blank for each other byte.
pub fn dump_text(bytes: &[u8]) -> String {
    let printable = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => ' ',
    };
    bytes.iter().map(printable).collect()
}

/// `text`, or `{null}`.
pub fn or_null(text: Option<&str>) -> &str {
    text.unwrap_or("{null}")
}

/// The size of the system's form of `address`.
fn address_length(address: &SocketAddr) -> usize {
    match address {
        SocketAddr::V4(_) => 16,
        SocketAddr::V6(_) => 28,
    }
}

fn thread() -> usize {
    MARK.with(|mark| std::ptr::from_ref(mark).addr())
}

/// One whole line, to be written in one piece so that lines of several processes do not mix.
fn line(now: &Zoned, pid: u32, thread: usize, text: impl Display) -> Vec<u8> {
    let time = now.strftime("%Y-%m-%d %H:%M:%S.%6f");
    let mut line = format!("{time} [{pid}/{thread:#x}] {text}").into_bytes();
    line.truncate(LINE_BYTES);
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use std::thread::spawn;

    use jiff::civil::date;
    use jiff::tz::TimeZone;

    use super::*;

    fn now() -> Zoned {
        let time = date(2015, 11, 28).at(21, 34, 15, 655_916_999);
        time.to_zoned(TimeZone::UTC).unwrap()
    }

    #[test]
    fn a_mask_is_a_number_as_c_reads_it() {
        let table = [
            ("0x10", 16),
            ("16", 16),
            ("020", 16),
            (" 16", 16),
            ("4abc", 4),
            ("abc", 0),
            ("", 0),
            ("-1", u64::MAX),
            ("99999999999999999999", u64::MAX),
        ];
        for (text, bits) in table {
            assert_eq!(
                TraceMask::parse(OsStr::new(text)),
                TraceMask(bits),
                "{text:?}"
            );
        }
    }

    #[test]
    fn either_bit_traces_the_debug_features_and_no_other() {
        for (mask, on) in [
            (0x10000, true),
            (0x10_0000, true),
            (u64::MAX, true),
            (0, false),
            (0x20000, false),
        ] {
            let tracer = Tracer::new(TraceMask(mask), TraceMask::DEBUG_FEATURES);
            assert_eq!(tracer.on, on, "{mask:#x}");
        }
    }

    #[test]
    fn a_line_has_the_head_that_users_know() {
        let line = line(&now(), 1040, 0x0113_3000, "flom_debug_features: text");
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "2015-11-28 21:34:15.655916 [1040/0x1133000] flom_debug_features: text\n"
        );
    }

    #[test]
    fn a_long_line_is_cut_and_keeps_its_end() {
        let line = line(&now(), 1, 1, "é".repeat(3000));
        assert_eq!(line.len(), LINE_BYTES + 1);
        assert_eq!(line.last(), Some(&b'\n'));
    }

    #[test]
    fn a_thread_has_its_own_number_and_keeps_it() {
        let here = thread();
        assert_eq!(thread(), here);
        let (sender, receiver) = std::sync::mpsc::channel();
        let other = spawn(move || {
            sender.send(thread()).unwrap();
            // Still alive while the two are compared: memory of a thread that ended is used again.
            std::thread::park();
        });
        assert_ne!(receiver.recv().unwrap(), here);
        other.thread().unpark();
        other.join().unwrap();
    }

    #[test]
    fn dumps_have_the_form_that_users_know() {
        assert_eq!(
            dump_address(&"[ff02::1]:28015".parse().unwrap()),
            "addrlen=28; IPv6 address, sin6_port=28015, sin6_flowinfo=0x0, sin6_addr='ff02::1', \
             sin6_scope_id=0"
        );
        assert_eq!(
            dump_address(&"192.0.2.1:80".parse().unwrap()),
            "addrlen=16; IPv4 address, sin_port=80, sin_addr='192.0.2.1'"
        );
        assert_eq!(
            dump_resolved(1, &"[ff02::1]:28015".parse().unwrap()),
            "[ai_flags=1,ai_family=10,ai_socktype=2,ai_protocol=17,ai_addrlen=28,\
             ai_canonname='{null}'] "
        );
        assert_eq!(dump_bytes(b"HELLO"), "48 45 4c 4c 4f ");
        assert_eq!(dump_text(b"a\x01\xffb~"), "a  b~");
    }
}
