//! Whom an access list names: a peer by its certificate, a user, a group.

use std::fmt;
use std::str::FromStr;

use nix::unistd::{Group, User};

/// Somebody, by what can be proven about a peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Who has a certificate with this common name, exactly.
    Name(String),
    /// A user of this host, by number.
    User(u32),
    /// Whoever is in this group of this host, by number.
    Group(u32),
}

/// A word that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParsePrincipalError {
    /// There is nothing.
    #[error("expected a peer id, uid:USER or gid:GROUP")]
    Empty,
    /// Something with a colon that is none of ours.
    #[error("expected uid:USER, gid:GROUP or a peer id, which is cn:NAME if it has a colon")]
    Prefix,
    /// A user or group that this host does not know.
    #[error("expected {what} that this host knows by its name, or a number below 4294967295")]
    Unknown {
        /// What it was to be.
        what: &'static str,
    },
    /// The host does not say whether there is one.
    #[error("expected {what}, but this host cannot look it up: {reason}")]
    NoLookUp {
        /// What it was to be.
        what: &'static str,
        /// What the system said.
        reason: String,
    },
}

impl FromStr for Principal {
    type Err = ParsePrincipalError;

    /// `uid:NAME`, `uid:NUMBER`, `gid:NAME`, `gid:NUMBER`, `cn:NAME`; what has no colon is the name
    /// in a certificate.
    ///
    /// Names of users and groups are looked up here and now: a daemon goes by their numbers.
    fn from_str(word: &str) -> Result<Self, ParsePrincipalError> {
        match word.split_once(':') {
            None if word.is_empty() => Err(ParsePrincipalError::Empty),
            None => Ok(Self::Name(word.to_string())),
            Some(("cn", "")) => Err(ParsePrincipalError::Empty),
            Some(("cn", name)) => Ok(Self::Name(name.to_string())),
            Some(("uid", user)) => number(user, "a user", |name| {
                Ok(User::from_name(name)?.map(|user| user.uid.as_raw()))
            })
            .map(Self::User),
            Some(("gid", group)) => number(group, "a group", |name| {
                Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()))
            })
            .map(Self::Group),
            Some(_) => Err(ParsePrincipalError::Prefix),
        }
    }
}

impl fmt::Display for Principal {
    /// A word that means the same, on any host of the same users.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) if name.contains(':') => write!(f, "cn:{name}"),
            Self::Name(name) => f.write_str(name),
            Self::User(uid) => write!(f, "uid:{uid}"),
            Self::Group(gid) => write!(f, "gid:{gid}"),
        }
    }
}

/// The number that `word` is, or that the host knows under this name.
fn number(
    word: &str,
    what: &'static str,
    look_up: fn(&str) -> nix::Result<Option<u32>>,
) -> Result<u32, ParsePrincipalError> {
    let unknown = ParsePrincipalError::Unknown { what };
    if !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()) {
        // The highest one means "nobody in particular" to the system.
        let number = word.parse().ok().filter(|number| *number < u32::MAX);
        return number.ok_or(unknown);
    }
    if word.is_empty() || word.contains('\0') {
        return Err(unknown);
    }
    match look_up(word) {
        Ok(found) => found.ok_or(unknown),
        Err(error) => Err(ParsePrincipalError::NoLookUp {
            what,
            reason: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_known_by_name_or_number() {
        for (word, expected) in [
            ("uid:root", Principal::User(0)),
            ("uid:0", Principal::User(0)),
            ("uid:4294967294", Principal::User(4_294_967_294)),
            ("gid:root", Principal::Group(0)),
            ("gid:007", Principal::Group(7)),
        ] {
            assert_eq!(word.parse(), Ok(expected), "{word}");
        }
    }

    #[test]
    fn anything_without_a_colon_is_the_name_in_a_certificate() {
        for name in [
            "0123456789abcdef0123456789abcdef",
            "a, b",
            "röot",
            "uid",
            "*",
        ] {
            assert_eq!(name.parse(), Ok(Principal::Name(name.to_string())));
        }
        let named = Principal::Name("uid:root".to_string());
        assert_eq!("cn:uid:root".parse(), Ok(named));
    }

    #[test]
    fn whoever_prints_is_read_back() {
        for word in ["uid:1", "gid:2", "abc", "cn:uid:0", "cn:a:b", "a;b", " a "] {
            assert_eq!(word.parse::<Principal>().unwrap().to_string(), word);
        }
    }

    #[test]
    fn what_names_nobody_says_what_was_expected() {
        let a_user =
            "expected a user that this host knows by its name, or a number below 4294967295";
        let a_group =
            "expected a group that this host knows by its name, or a number below 4294967295";
        let a_prefix =
            "expected uid:USER, gid:GROUP or a peer id, which is cn:NAME if it has a colon";
        let nothing = "expected a peer id, uid:USER or gid:GROUP";
        for (word, error) in [
            ("", nothing),
            ("cn:", nothing),
            ("uid:", a_user),
            ("uid:no such user", a_user),
            ("uid: root", a_user),
            ("uid:-1", a_user),
            ("uid:4294967295", a_user),
            ("uid:4294967296", a_user),
            ("uid:99999999999999999999", a_user),
            ("uid:ro\0ot", a_user),
            ("gid:", a_group),
            ("gid:no such group", a_group),
            ("UID:root", a_prefix),
            ("user:root", a_prefix),
            (":", a_prefix),
            ("a:b", a_prefix),
        ] {
            let found = word.parse::<Principal>().unwrap_err();
            assert_eq!(found.to_string(), error, "{word:?}");
        }
    }
}
