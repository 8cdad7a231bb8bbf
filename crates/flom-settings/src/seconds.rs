//! A length of time as people write it: `15`, `0.5`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time in seconds, to the millisecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds {
    ms: u32,
}

impl Seconds {
    /// So many whole seconds; as many as there can be where that is too much.
    pub const fn whole(seconds: u32) -> Self {
        let ms = seconds.saturating_mul(1000);
        Self { ms }
    }

    /// The same in ms.
    pub fn as_ms(self) -> u32 {
        self.ms
    }

    /// The length of time, if it is any at all.
    pub fn duration(self) -> Option<Duration> {
        (self.ms > 0).then(|| Duration::from_millis(self.ms.into()))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.ms / 1000, self.ms % 1000);
        match rest {
            0 => whole.fmt(f),
            _ => f.write_str(format!("{whole}.{rest:03}").trim_end_matches('0')),
        }
    }
}

/// The text is no such length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected seconds, from 0 to 4294967, with up to three decimals")]
pub struct ParseSecondsError;

impl FromStr for Seconds {
    type Err = ParseSecondsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > 3 {
            return Err(ParseSecondsError);
        }
        let ms: u32 = format!("{decimals:0<3}")
            .parse()
            .map_err(|_| ParseSecondsError)?;
        let whole: u32 = whole.parse().map_err(|_| ParseSecondsError)?;
        let whole = whole.checked_mul(1000).ok_or(ParseSecondsError)?;
        let ms = whole.checked_add(ms).ok_or(ParseSecondsError)?;
        Ok(Self { ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_up_to_three_decimals_and_come_back() {
        let table = [
            ("0", 0, "0"),
            ("15", 15_000, "15"),
            ("0.5", 500, "0.5"),
            ("1.050", 1050, "1.05"),
            ("007.007", 7007, "7.007"),
            ("4294967.295", u32::MAX, "4294967.295"),
        ];
        for (text, ms, written) in table {
            let seconds: Seconds = text.parse().unwrap();
            assert_eq!(seconds.as_ms(), ms, "{text}");
            assert_eq!(seconds.to_string(), written);
        }
        assert_eq!(Seconds::whole(3), "3".parse().unwrap());
        assert_eq!(Seconds::whole(0).duration(), None);
        assert_eq!(Seconds::whole(1).duration(), Some(Duration::from_secs(1)));
        for text in [
            "",
            ".5",
            "5.",
            "-1",
            "1s",
            "1.2345",
            "4294967.296",
            "4294968",
            "1e3",
        ] {
            assert_eq!(text.parse::<Seconds>(), Err(ParseSecondsError), "{text}");
        }
    }
}
