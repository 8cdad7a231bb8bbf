//! Resource names: the grammar of `spec/resources.md` §1, in one place.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::limits::{COUNT_MAX, LEVELS, NAME_BYTES};

/// The name of the resource that is locked when none is named. Users may not name it.
pub const DEFAULT_RESOURCE: &str = "_RESOURCE";

/// The name of a resource that nobody has: a client that asks for it, without waiting and without
/// creating it, learns from the answer who the daemon is, and does nothing else to any daemon.
pub const QUESTION: &[u8] = b"flomAsksWhoYouAre";

/// What a resource is; follows from its name alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ResourceKind {
    /// `name`: one lock in six modes.
    Simple,
    /// `name[N]`: a pool of units.
    Numeric {
        /// How many units there are.
        units: u32,
    },
    /// `a.b.c`: one of several elements.
    Set,
    /// `/a/b/c`: a node of a tree.
    Hierarchical,
    /// `_s_name[N]`, `_S_name[N]`: ascending numbers.
    Sequence {
        /// Whether a number comes back when its holder fails (`_S_`).
        transactional: bool,
        /// How many may hold a number at the same time.
        holders: u32,
    },
    /// `_t_format[N]`: unique times.
    Timestamp {
        /// How many may hold a time at the same time.
        holders: u32,
    },
}

impl ResourceKind {
    /// The number by which messages to users name the kind: 1 simple, 2 numeric, 3 set,
    /// 4 hierarchical, 5 sequence, 6 timestamp (`spec/command-line.md` §6).
    pub fn number(self) -> u8 {
        match self {
            Self::Simple => 1,
            Self::Numeric { .. } => 2,
            Self::Set => 3,
            Self::Hierarchical => 4,
            Self::Sequence { .. } => 5,
            Self::Timestamp { .. } => 6,
        }
    }

    /// Whether the lock mode of a request matters.
    pub fn has_modes(self) -> bool {
        matches!(self, Self::Simple | Self::Hierarchical)
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Simple => "simple",
            Self::Numeric { .. } => "numeric",
            Self::Set => "set",
            Self::Hierarchical => "hierarchical",
            Self::Sequence { .. } => "sequence",
            Self::Timestamp { .. } => "timestamp",
        })
    }
}

/// Why a text is no resource name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing at all.
    #[error("the name is empty")]
    Empty,
    /// [`DEFAULT_RESOURCE`], given by a user.
    #[error("'{DEFAULT_RESOURCE}' is a reserved resource name and can not be set by user")]
    Reserved,
    /// Longer than [`NAME_BYTES`].
    #[error("the name is {length} bytes long, {NAME_BYTES} is the limit")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A path of more than [`LEVELS`] levels.
    #[error("the path has {levels} levels, {LEVELS} is the limit")]
    TooManyLevels {
        /// How many it has.
        levels: usize,
    },
    /// The number in brackets is above [`COUNT_MAX`].
    #[error("the count in brackets is above {COUNT_MAX}")]
    CountTooLarge,
    /// None of the six forms.
    #[error(
        "expected a word (letters and digits, a letter first), word[count], word.word, \
         /level/level, _s_word[count], _S_word[count] or _t_format[count]"
    )]
    Malformed,
}

/// The name of a resource, known to be sound.
///
/// Two names are the same resource when they are equal byte for byte; hierarchical names of the
/// same [`tree`](Self::tree) share queue and lifetime. Cloning is cheap.
///
/// ```
/// use flom_types::{NameError, ResourceKind, ResourceName};
///
/// let pool = ResourceName::parse(b"seat[10]")?;
/// assert_eq!(pool.kind(), ResourceKind::Numeric { units: 10 });
/// assert_eq!(ResourceName::parse(b"1f"), Err(NameError::Malformed));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone)]
pub struct ResourceName {
    text: Arc<[u8]>,
    kind: ResourceKind,
}

impl ResourceName {
    /// Takes a name as it stands on the wire.
    ///
    /// # Errors
    ///
    /// Every [`NameError`] but `Reserved`: the daemon takes the default name like any other.
    pub fn parse(text: &[u8]) -> Result<Self, NameError> {
        if text.len() > NAME_BYTES {
            return Err(NameError::TooLong { length: text.len() });
        }
        Ok(Self {
            kind: kind_of(text)?,
            text: text.into(),
        })
    }

    /// Takes a name that a user has given, who may not name the default resource.
    ///
    /// # Errors
    ///
    /// Every [`NameError`].
    pub fn parse_given(text: &[u8]) -> Result<Self, NameError> {
        if text == DEFAULT_RESOURCE.as_bytes() {
            return Err(NameError::Reserved);
        }
        Self::parse(text)
    }

    /// What the name names.
    pub fn kind(&self) -> ResourceKind {
        self.kind
    }

    /// The name, byte for byte.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// What lives and dies as one: the first level of a hierarchical name (`/a` of `/a/b/c`), the
    /// whole name otherwise.
    pub fn tree(&self) -> &[u8] {
        match self.kind {
            ResourceKind::Hierarchical => {
                let end = self.text[1..].iter().position(|byte| *byte == b'/');
                end.map_or(&self.text[..], |end| &self.text[..=end])
            }
            _ => &self.text,
        }
    }

    /// The levels of a hierarchical name (`a`, `b`, `c` of `/a/b/c`); nothing for other kinds.
    pub fn levels(&self) -> impl Iterator<Item = &[u8]> {
        let levels = match self.kind {
            ResourceKind::Hierarchical => &self.text[1..],
            _ => &[],
        };
        levels
            .split(|byte| *byte == b'/')
            .filter(|level| !level.is_empty())
    }

    /// The elements of a set in the order written, repetitions included; nothing for other kinds.
    pub fn elements(&self) -> impl Iterator<Item = &str> {
        let elements = match self.kind {
            ResourceKind::Set => str::from_utf8(&self.text).expect("a set's name is ASCII"),
            _ => "",
        };
        elements.split('.').filter(|element| !element.is_empty())
    }

    /// The format of a timestamp resource, between `_t_` and `[`; nothing for other kinds.
    pub fn format(&self) -> &str {
        match self.kind {
            ResourceKind::Timestamp { .. } => {
                let text = str::from_utf8(&self.text[3..]).expect("a timestamp's name is ASCII");
                text.split_once('[')
                    .expect("a timestamp's name has a count")
                    .0
            }
            _ => "",
        }
    }
}

impl Default for ResourceName {
    fn default() -> Self {
        Self {
            text: DEFAULT_RESOURCE.as_bytes().into(),
            kind: ResourceKind::Simple,
        }
    }
}

// The kind follows from the text, so the text alone decides.
impl PartialEq for ResourceName {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for ResourceName {}

impl PartialOrd for ResourceName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for ResourceName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Borrow<[u8]> for ResourceName {
    fn borrow(&self) -> &[u8] {
        &self.text
    }
}

impl fmt::Display for ResourceName {
    /// The name as text; bytes that are no UTF-8 show as replacement characters, and control
    /// characters escaped, so that a name cannot break a line of a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in String::from_utf8_lossy(&self.text).chars() {
            match character.is_control() {
                true => write!(f, "{}", character.escape_default())?,
                false => write!(f, "{character}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.text))
    }
}

/// The six forms are disjoint: the first bytes choose the form, the rest must follow it.
fn kind_of(text: &[u8]) -> Result<ResourceKind, NameError> {
    if text.is_empty() {
        Err(NameError::Empty)
    } else if text[0] == b'/' {
        hierarchical(&text[1..])
    } else if text == DEFAULT_RESOURCE.as_bytes() {
        Ok(ResourceKind::Simple)
    } else if let Some(rest) = text.strip_prefix(b"_s_") {
        sequence(rest, false)
    } else if let Some(rest) = text.strip_prefix(b"_S_") {
        sequence(rest, true)
    } else if let Some(rest) = text.strip_prefix(b"_t_") {
        timestamp(rest)
    } else if text.contains(&b'[') {
        let (word, units) = counted(text)?;
        is_word(word)
            .then_some(ResourceKind::Numeric { units })
            .ok_or(NameError::Malformed)
    } else if text.contains(&b'.') {
        let sound = text.split(|byte| *byte == b'.').all(is_word);
        sound
            .then_some(ResourceKind::Set)
            .ok_or(NameError::Malformed)
    } else {
        is_word(text)
            .then_some(ResourceKind::Simple)
            .ok_or(NameError::Malformed)
    }
}

fn hierarchical(path: &[u8]) -> Result<ResourceKind, NameError> {
    let levels = || path.split(|byte| *byte == b'/');
    let sound = levels().all(|level| {
        !level.is_empty()
            && !level
                .iter()
                .any(|byte| matches!(byte, b'\\' | b'\n' | b'\0'))
    });
    match levels().count() {
        _ if !sound => Err(NameError::Malformed),
        ..=LEVELS => Ok(ResourceKind::Hierarchical),
        levels => Err(NameError::TooManyLevels { levels }),
    }
}

fn sequence(rest: &[u8], transactional: bool) -> Result<ResourceKind, NameError> {
    let (word, holders) = counted(rest)?;
    let kind = ResourceKind::Sequence {
        transactional,
        holders,
    };
    is_word(word).then_some(kind).ok_or(NameError::Malformed)
}

fn timestamp(rest: &[u8]) -> Result<ResourceKind, NameError> {
    let (format, holders) = counted(rest)?;
    let starts = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'%' | b'#');
    let goes_on =
        |byte: u8| starts(byte) || byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'\\');
    let sound = format.first().copied().is_some_and(starts) && format.iter().copied().all(goes_on);
    sound
        .then_some(ResourceKind::Timestamp { holders })
        .ok_or(NameError::Malformed)
}

/// What stands before `[count]`, and the count.
fn counted(text: &[u8]) -> Result<(&[u8], u32), NameError> {
    let inner = text.strip_suffix(b"]").ok_or(NameError::Malformed)?;
    let open = inner
        .iter()
        .position(|byte| *byte == b'[')
        .ok_or(NameError::Malformed)?;
    let (before, digits) = (&inner[..open], &inner[open + 1..]);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NameError::Malformed);
    }
    let count = digits.iter().try_fold(0_u32, |count, digit| {
        count
            .checked_mul(10)?
            .checked_add(u32::from(digit - b'0'))
            .filter(|n| *n <= COUNT_MAX)
    });
    Ok((before, count.ok_or(NameError::CountTooLarge)?))
}

/// A letter, then letters or digits; ASCII, whatever the locale.
fn is_word(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_alphabetic) && text.iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests;
