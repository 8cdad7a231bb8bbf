//! `--debug-feature`: whether a datagram to a group arrives, and its answer comes back
//! (`spec/discovery.md` §11).
//!
//! With `FLOM_TRACE_MASK` every step is traced, in the order and the words of `spec/tracing.md` §3:
//! people compare them line by line with what they know.

use std::error::Error;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use flom_cli::flom::DebugFeature;
use flom_cli::trace::{Traced, dump_address, dump_bytes, dump_resolved, dump_text, or_null};
use flom_cli::{Failure, exit};
use flom_net::{Group, ResolveError};
use flom_settings::Settings;
use flom_types::ReturnCode;

use crate::{debug_tls, print};

const HELLO: &[u8] = b"HELLO";
const WELCOME: &[u8] = b"WELCOME";

/// How long the client waits for an answer. The server waits for as long as it takes.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Bytes of the longest datagram that is looked at.
const DATAGRAM_BYTES: usize = 2048;

/// `ai_flags` of a question for an address to be bound, as the trace shows it.
const AI_PASSIVE: i32 = 1;

/// What FLoM 1.7.2 calls an address that is no group.
const INVALID_IP_ADDRESS: ReturnCode = ReturnCode(-19);

/// What FLoM 1.7.2 calls an answer that cannot be received.
const RECVFROM: ReturnCode = ReturnCode(-127);

/// A step that failed.
struct Fault {
    /// Which step, for the trace.
    step: u32,
    code: ReturnCode,
    errno: i32,
    /// For people.
    sentence: String,
}

/// Runs `feature` to its end.
pub(crate) fn run(feature: DebugFeature, settings: &Settings) -> Result<(), Failure> {
    let (name, function, part) = match feature {
        DebugFeature::TlsServer => return debug_tls::serve(settings),
        DebugFeature::TlsClient => return debug_tls::call(settings),
        DebugFeature::MulticastServer => (
            "ipv6.multicast.server",
            "flom_debug_features_ipv6_multicast_server",
            serve as fn(Traced, &Settings) -> Result<(), Fault>,
        ),
        DebugFeature::MulticastClient => (
            "ipv6.multicast.client",
            "flom_debug_features_ipv6_multicast_client",
            ask as _,
        ),
    };
    let outer = Traced::enter("flom_debug_features");
    outer.say(format_args!("name='{name}'"));
    let inner = Traced::enter(function);
    let result = part(inner, settings);
    for traced in [inner, outer] {
        match &result {
            Ok(()) => traced.exit(0, ReturnCode(0), 0),
            Err(fault) => traced.exit(fault.step, fault.code, fault.errno),
        }
    }
    result.map_err(|fault| {
        let sentence = format!("debug-feature {name}: {}", fault.sentence);
        Failure::sentence(exit::DEBUG_FAILED, sentence)
    })
}

/// Waits for one datagram to the group and answers it.
fn serve(traced: Traced, settings: &Settings) -> Result<(), Fault> {
    let group = resolve(traced, settings)?;
    let socket = listen(traced, &group)?;
    traced.say("multicast server created, waiting datagram...");
    let mut buffer = [0; DATAGRAM_BYTES];
    let (bytes, from) = socket
        .recv_from(&mut buffer)
        .map_err(|error| fault(3, RECVFROM, "cannot receive", &error))?;
    let heard = &buffer[..bytes];
    traced.say(format_args!("arrived datagram '{}'", dump_text(heard)));
    traced.say(dump_bytes(heard));
    let source = dump_address(&from);
    traced.say(format_args!("address returned by recvfrom() {source}"));
    print::line(&format!("Arrived datagram is '{}'", shown(heard)));
    traced.say(format_args!("sending '{}' to the client...", text(WELCOME)));
    let sent = socket
        .send_to(WELCOME, from)
        .map_err(|error| not_sent(traced, WELCOME, "cannot answer", &error))?;
    let length = WELCOME.len();
    traced.say(format_args!("sent_bytes={sent}, welcome_msg_len={length}"));
    print::line(&format!("Sent datagram is '{}'", text(WELCOME)));
    Ok(())
}

/// Sends one datagram to the group and waits for an answer from anybody.
fn ask(traced: Traced, settings: &Settings) -> Result<(), Fault> {
    let group = resolve(traced, settings)?;
    let hops = settings.network.discovery_ttl;
    traced.say(format_args!("setting IPV6_MULTICAST_HOPS to value {hops}"));
    // These words are known, the option is not needed: the port is nobody else's.
    traced.say("setting SO_REUSEADDR to value 1");
    let wildcard = "[::]:0".parse().expect("an address");
    traced.say(format_args!(
        "binding to address: {}",
        dump_address(&wildcard)
    ));
    let sender = group
        .sender(hops)
        .map_err(|error| fault(2, ReturnCode::BIND, "cannot make a socket", &error))?;
    if let Ok(own) = sender.local_addr() {
        let own = dump_address(&own);
        traced.say(format_args!("address returned by bind() {own}"));
    }
    traced.say(format_args!("sending '{}' to the server...", text(HELLO)));
    let destination = dump_address(&group.address());
    traced.say(format_args!("destination address:{destination}"));
    sender
        .send(HELLO)
        .map_err(|error| not_sent(traced, HELLO, "cannot send to the group", &error))?;
    print::line(&format!("Sent datagram is '{}'", text(HELLO)));
    traced.say("waiting an answer from the server...");
    let mut buffer = [0; DATAGRAM_BYTES];
    let answer = sender
        .receive(&mut buffer, ANSWER_LIMIT)
        .map_err(|error| fault(4, RECVFROM, "cannot receive", &error))?;
    let (bytes, _) = answer.ok_or_else(silence)?;
    traced.say(format_args!("received '{}'", dump_text(&buffer[..bytes])));
    print::line(&format!(
        "Arrived datagram is '{}'",
        shown(&buffer[..bytes])
    ));
    Ok(())
}

/// The group of `-A` and `-P`, which must be one of IPv6.
fn resolve(traced: Traced, settings: &Settings) -> Result<Group, Fault> {
    let address = settings.daemon.multicast_address.as_deref();
    let port = settings.daemon.multicast_port;
    traced.say(format_args!(
        "multicast address='{}', multicast port={port}",
        or_null(address)
    ));
    let address = address.ok_or_else(|| Fault {
        step: 1,
        code: INVALID_IP_ADDRESS,
        errno: 0,
        sentence: "no group is given: say which with -A, for instance -A ff02::1".to_string(),
    })?;
    let group = Group::resolve_ipv6(address, port).map_err(|error| unresolved(traced, &error))?;
    traced.call("getaddrinfo", format_args!("result={:p}", &raw const group));
    traced.say(dump_address(&group.address()));
    traced.say(dump_resolved(AI_PASSIVE, &group.address()));
    Ok(group)
}

/// The socket of the server. The system is asked for it in one go; the trace names the steps.
fn listen(traced: Traced, group: &Group) -> Result<UdpSocket, Fault> {
    traced.say("creating a new socket...");
    let mut address = "[::]:0".parse().expect("an address");
    traced.say(dump_address(&address));
    traced.say("setting SO_REUSEADDR socket property...");
    address.set_port(group.address().port());
    traced.say(format_args!(
        "binding to address {}",
        dump_address(&address)
    ));
    let socket = group.listen();
    let bound = !matches!(&socket, Err(error) if error.kind() == io::ErrorKind::AddrInUse);
    if bound {
        let own = socket
            .as_ref()
            .ok()
            .and_then(|socket| socket.local_addr().ok());
        let own = dump_address(&own.unwrap_or(address));
        traced.say(format_args!("address returned by bind() {own}"));
        traced.say("activating multicast...");
    }
    socket.map_err(|error| {
        let call = if bound {
            "setsockopt(IPV6_ADD_MEMBERSHIP)"
        } else {
            "bind"
        };
        let errno = errno_of(&error);
        traced.say(format_args!("{call}: errno={errno} '{error}', skipping..."));
        traced.say("unable to create a multicast server");
        fault(2, INVALID_IP_ADDRESS, "cannot listen to the group", &error)
    })
}

fn unresolved(traced: Traced, error: &ResolveError) -> Fault {
    /// What the resolver says of an address of another family, and of an unknown name.
    const EAI_ADDRFAMILY: i32 = -9;
    const EAI_NONAME: i32 = -2;
    let errcode = match error {
        ResolveError::NoIpv6 { .. } => EAI_ADDRFAMILY,
        _ => EAI_NONAME,
    };
    traced.call("getaddrinfo", format_args!("errcode={errcode} '{error}'"));
    let cause = error.source().map(|cause| format!(": {cause}"));
    let cause = cause.unwrap_or_default();
    Fault {
        step: 1,
        code: ReturnCode::GETADDRINFO,
        errno: 0,
        sentence: format!("{error}{cause}; the group must be one of IPv6, such as ff02::1"),
    }
}

fn not_sent(traced: Traced, datagram: &[u8], what: &str, error: &io::Error) -> Fault {
    let (length, errno) = (datagram.len(), errno_of(error));
    traced.call(
        "sendto",
        format_args!("sent -1 instead of {length} bytes; errno={errno} '{error}'"),
    );
    fault(3, ReturnCode::SENDTO, what, error)
}

fn silence() -> Fault {
    let seconds = ANSWER_LIMIT.as_secs();
    Fault {
        step: 4,
        code: ReturnCode::NETWORK_TIMEOUT,
        errno: 0,
        sentence: format!(
            "nobody has answered within {seconds} s: no server runs there, or what is in between \
             drops datagrams; -V and FLOM_TRACE_MASK=0x100000 on both hosts tell more"
        ),
    }
}

fn fault(step: u32, code: ReturnCode, what: &str, error: &io::Error) -> Fault {
    Fault {
        step,
        code,
        errno: errno_of(error),
        sentence: format!("{what}: {error}"),
    }
}

/// The number of the system's error; what it most likely was where another layer has put it in
/// words.
fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(match error.kind() {
        io::ErrorKind::PermissionDenied => 13,
        io::ErrorKind::InvalidInput => 22,
        io::ErrorKind::AddrInUse => 98,
        io::ErrorKind::AddrNotAvailable => 99,
        io::ErrorKind::NetworkDown => 100,
        io::ErrorKind::NetworkUnreachable => 101,
        io::ErrorKind::HostUnreachable => 113,
        _ => 0,
    })
}

/// A datagram for people: up to its first NUL.
fn shown(datagram: &[u8]) -> String {
    let end = datagram.iter().position(|byte| *byte == 0);
    text(&datagram[..end.unwrap_or(datagram.len())])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
