//! Which modes are held or waited for, as a tally that answers at once.

use flom_types::LockMode;

/// A set of lock modes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ModeSet(u8);

impl ModeSet {
    /// The modes that cannot be held together with `mode`.
    pub(crate) fn conflicting(mode: LockMode) -> Self {
        const TABLE: [ModeSet; 6] = {
            let mut table = [ModeSet(0); 6];
            let mut at = 0;
            while at < 6 {
                table[at] = ModeSet::derive(LockMode::ALL[at]);
                at += 1;
            }
            table
        };
        TABLE[mode as usize]
    }

    const fn derive(mode: LockMode) -> Self {
        let mut set = 0;
        let mut at = 0;
        while at < 6 {
            if !mode.admits(LockMode::ALL[at]) {
                set |= 1 << at;
            }
            at += 1;
        }
        Self(set)
    }

    /// The modes of this set that are not in the other.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The modes of the set.
    pub(crate) fn modes(self) -> impl Iterator<Item = LockMode> {
        LockMode::ALL
            .into_iter()
            .filter(move |mode| self.0 & (1 << *mode as u8) != 0)
    }
}

/// How many there are of each mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    counts: [u32; 6],
    present: u8,
}

impl Tally {
    /// One more.
    pub(crate) fn add(&mut self, mode: LockMode) {
        self.counts[mode as usize] += 1;
        self.present |= 1 << mode as u8;
    }

    /// One less.
    pub(crate) fn remove(&mut self, mode: LockMode) {
        let count = &mut self.counts[mode as usize];
        *count -= 1;
        if *count == 0 {
            self.present &= !(1 << mode as u8);
        }
    }

    /// Whether there is one of that mode.
    pub(crate) fn has(&self, mode: LockMode) -> bool {
        self.counts[mode as usize] > 0
    }

    /// Whether there is none at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Whether there is one whose mode is in `modes`.
    pub(crate) fn has_any(&self, modes: ModeSet) -> bool {
        self.present & modes.0 != 0
    }

    /// The modes that one of them keeps from being granted.
    pub(crate) fn conflicting(&self) -> ModeSet {
        let present = ModeSet(self.present).modes();
        present.fold(ModeSet(0), |all, mode| {
            ModeSet(all.0 | ModeSet::conflicting(mode).0)
        })
    }

    /// Whether one of them keeps `mode` from being granted.
    pub(crate) fn conflicts(&self, mode: LockMode) -> bool {
        self.has_any(ModeSet::conflicting(mode))
    }

    /// Whether all of them can be held together.
    pub(crate) fn is_sound(&self) -> bool {
        LockMode::ALL.into_iter().all(|mode| {
            let mut others = self.clone();
            if others.counts[mode as usize] == 0 {
                return true;
            }
            others.remove(mode);
            !others.conflicts(mode)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_answers_as_the_table_does() {
        for held in LockMode::ALL {
            let mut tally = Tally::default();
            tally.add(held);
            tally.add(held);
            tally.remove(held);
            for asked in LockMode::ALL {
                assert_eq!(
                    tally.conflicts(asked),
                    !held.admits(asked),
                    "{held} {asked}"
                );
                let conflicting = ModeSet::conflicting(asked).modes().any(|mode| mode == held);
                assert_eq!(conflicting, !held.admits(asked));
            }
            tally.add(held);
            assert_eq!(tally.is_sound(), held.admits(held), "two of {held}");
            tally.remove(held);
            tally.remove(held);
            assert_eq!(tally, Tally::default());
        }
    }
}
