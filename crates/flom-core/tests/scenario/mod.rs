//! One story: clients, virtual time, and a manager.

use std::collections::{BTreeMap, VecDeque};

use flom_core::{Action, Event, Fairness, Link, LockManager, Nesting, Request, Step};
use flom_types::{Lineage, LockMode, Now, Outcome, ResourceName, SessionId, Time, Token};
use jiff::tz::TimeZone;

/// Every story begins at this moment of the wall clock: 2026-11-22 14:05:09.123 UTC.
const BEGIN_US: i64 = 1_795_356_309_123_000;

/// No two requests are served in the same µs.
const REQUEST_US: u64 = 5;

/// Plays every story of a file; an error says what differed.
pub(crate) fn play_file(text: &str) -> Vec<Result<(), String>> {
    let mut fairness = Fairness::default();
    let mut told = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(words) = line.strip_prefix("fairness ") {
            fairness = match words.split(' ').collect::<Vec<_>>()[..] {
                ["bounded", times] => Fairness::Bounded(times.parse().expect("a number")),
                ["fifo"] => Fairness::Fifo,
                ["first-fit"] => Fairness::FirstFit,
                _ => panic!("fairness {words}?"),
            };
            continue;
        }
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [id, resource, steps] = parts[..] else {
            panic!("expected ID | resource | steps: {line}")
        };
        let mut story = Story::new(fairness, resource);
        let played = steps.split_whitespace().try_for_each(|step| {
            story
                .step(step)
                .map_err(|fault| format!("{id} | {resource} | at {step}: {fault}"))
        });
        told.push(played);
    }
    told
}

struct Story {
    manager: LockManager,
    now_us: u64,
    resource: String,
    sessions: BTreeMap<char, SessionId>,
    /// Of those who have said where they run.
    lineages: BTreeMap<char, Lineage>,
    heard: BTreeMap<SessionId, VecDeque<Heard>>,
    next_session: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Heard {
    Answer(Step, i32, Option<String>),
    Closed,
}

type Told = Result<(), String>;

impl Story {
    fn new(fairness: Fairness, resource: &str) -> Self {
        Self {
            manager: LockManager::new(fairness, TimeZone::UTC),
            now_us: 1_000_000,
            resource: resource.into(),
            sessions: BTreeMap::new(),
            lineages: BTreeMap::new(),
            heard: BTreeMap::new(),
            next_session: 0,
        }
    }

    fn step(&mut self, step: &str) -> Told {
        if let Some((first, second)) = step.split_once('&') {
            self.leave(first)?;
            self.leave(second)?;
            return self.pass_time(40);
        }
        let mut letters = step.chars();
        let who = letters.next().ok_or("an empty step")?;
        let rest = letters.as_str();
        match (who, rest.chars().next()) {
            ('+', _) => self.pass_time(number(rest)?),
            ('^', _) => self.pass_to_multiple_of(number(rest)?),
            (_, Some(':')) => self.ask(who, &rest[1..]),
            (_, Some('>')) => self.expect_later(who, &rest[1..]),
            (_, Some('?')) => self.expect_nothing(who),
            (_, Some('#')) => self.expect_closed(who),
            (_, Some('-' | '~' | '.')) => {
                self.leave(step)?;
                self.pass_time(40)
            }
            _ => Err("not understood".into()),
        }
    }

    fn now(&self) -> Now {
        let since_us = i64::try_from(self.now_us).expect("a story is short");
        Now {
            time: Time(self.now_ms()),
            wall_us: BEGIN_US + since_us,
        }
    }

    fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    fn happen(&mut self, event: Event) {
        let now = self.now();
        for action in self.manager.handle(now, event) {
            let (session, heard) = match action {
                Action::Answer {
                    session,
                    step,
                    outcome,
                    element,
                    ..
                } => (session, Heard::Answer(step, outcome.number(), element)),
                Action::Deadlock {
                    session,
                    step,
                    circle,
                } => {
                    let code = Outcome::Deadlock.number();
                    let circle = tell(&self.sessions, &circle);
                    (session, Heard::Answer(step, code, Some(circle)))
                }
                Action::Close { session, .. } => (session, Heard::Closed),
            };
            self.heard.entry(session).or_default().push_back(heard);
        }
    }

    /// Lets time pass, waking the manager whenever it wants to be woken.
    fn pass_time(&mut self, ms: u64) -> Told {
        let end = self.now_us + ms * 1000;
        while let Some(Time(due)) = self.manager.next_deadline()
            && due * 1000 <= end
        {
            if due < self.now_ms() {
                return Err(format!(
                    "a deadline at {due} is left over at {}",
                    self.now_ms()
                ));
            }
            self.now_us = self.now_us.max(due * 1000);
            self.happen(Event::Tick);
        }
        self.now_us = end;
        Ok(())
    }

    fn pass_to_multiple_of(&mut self, ms: u64) -> Told {
        let wall_ms = self.now().wall_us.unsigned_abs() / 1000;
        self.pass_time(ms - wall_ms % ms + 2)
    }

    fn session(&mut self, who: char) -> SessionId {
        *self.sessions.entry(who).or_insert_with(|| {
            self.next_session += 1;
            SessionId(self.next_session)
        })
    }

    /// `EX=0`, `q3{c0,i500}@name!=4/element`, `EX{nA}=100/circle`
    fn ask(&mut self, who: char, words: &str) -> Told {
        let (asked, wanted) = words.split_once('=').ok_or("no =")?;
        let (asked, wait) = match asked.strip_suffix('!') {
            Some(asked) => (asked, false),
            None => (asked, true),
        };
        let (asked, name) = match asked.split_once('@') {
            Some((asked, name)) => (asked, name.to_owned()),
            None => (asked, self.resource.clone()),
        };
        let (asked, options) = match asked
            .strip_suffix('}')
            .and_then(|text| text.split_once('{'))
        {
            Some((asked, options)) => (asked, options),
            None => (asked, ""),
        };
        let request = Request {
            resource: ResourceName::parse(name.as_bytes())
                .map_err(|err| format!("{name}: {err}"))?,
            mode: asked.parse().unwrap_or(LockMode::Exclusive),
            quantity: asked.strip_prefix('q').map_or(Ok(1), number)?,
            wait,
            create: !options.split(',').any(|option| option == "c0"),
            idle_lifespan_ms: options
                .split(',')
                .find_map(|option| option.strip_prefix('i'))
                .map_or(Ok(0), number)?,
        };
        let session = self.session(who);
        let within = options.split(',').find_map(|word| word.strip_prefix('n'));
        let nesting = within.map(|outer| {
            let own = Token(session.0);
            let unsaid = Lineage::outermost(Token(u64::MAX));
            let lineage = match outer.chars().next() {
                Some(outer) => self.lineages.get(&outer).unwrap_or(&unsaid).inner(own),
                None => Lineage::outermost(own),
            };
            self.lineages.insert(who, lineage.clone());
            let reentrant = options.split(',').any(|option| option == "r");
            Box::new(Nesting { lineage, reentrant })
        });
        self.now_us += REQUEST_US;
        self.happen(Event::Lock {
            session,
            request,
            nesting,
        });
        let heard = self.heard.entry(session).or_default().pop_front();
        match (wanted, heard) {
            ("#", Some(Heard::Closed)) => Ok(()),
            (_, Some(Heard::Answer(Step::First, code, element))) => {
                fits(wanted, code, element.as_deref())
            }
            (_, heard) => Err(format!("heard {heard:?}")),
        }
    }

    /// `A-`, `A~`, `A-@name`, `A.`
    fn leave(&mut self, step: &str) -> Told {
        let (who, rest) = (step.chars().next().ok_or("who?")?, &step[1..]);
        let session = self.session(who);
        if rest == "." {
            self.sessions.remove(&who);
            self.happen(Event::Gone { session });
            return Ok(());
        }
        let name = rest[1..]
            .strip_prefix('@')
            .map_or(self.resource.clone(), str::to_owned);
        let resource = ResourceName::parse(name.as_bytes()).map_err(|err| err.to_string())?;
        self.happen(Event::Unlock {
            session,
            resource,
            rollback: rest.starts_with('~'),
            ended: None,
        });
        Ok(())
    }

    /// `0/element(50..100)`
    fn expect_later(&mut self, who: char, words: &str) -> Told {
        let (wanted, window) = match words
            .strip_suffix(')')
            .and_then(|words| words.split_once('('))
        {
            None => (words, None),
            Some((wanted, window)) => {
                let (from, to) = window.split_once("..").ok_or("expected from..to")?;
                (wanted, Some(number(from)?..=number(to)?))
            }
        };
        let session = self.session(who);
        let begin = self.now_ms();
        let limit = window
            .as_ref()
            .map_or(600, |window: &std::ops::RangeInclusive<u64>| {
                window.end() + 300
            });
        loop {
            match self.heard.entry(session).or_default().pop_front() {
                Some(Heard::Answer(Step::Later, code, element)) => {
                    let took = self.now_ms() - begin;
                    if window.is_some_and(|window| !window.contains(&took)) {
                        return Err(format!("took {took} ms"));
                    }
                    return fits(wanted, code, element.as_deref());
                }
                Some(heard) => return Err(format!("heard {heard:?}")),
                None if self.now_ms() - begin >= limit => return Err("heard nothing".into()),
                None => self.pass_time(1)?,
            }
        }
    }

    fn expect_nothing(&mut self, who: char) -> Told {
        self.pass_time(300)?;
        let session = self.session(who);
        match self.heard.entry(session).or_default().pop_front() {
            None => Ok(()),
            Some(heard) => Err(format!("heard {heard:?}")),
        }
    }

    fn expect_closed(&mut self, who: char) -> Told {
        let session = self.session(who);
        match self.heard.entry(session).or_default().pop_front() {
            Some(Heard::Closed) => Ok(()),
            heard => Err(format!("heard {heard:?}")),
        }
    }
}

/// `B>foo>A+..`: B asks for foo, which A holds, or waits for and must not be passed.
fn tell(sessions: &BTreeMap<char, SessionId>, circle: &[Link]) -> String {
    let letter = |wanted: SessionId| {
        let mut all = sessions.iter();
        all.find(|(_, session)| **session == wanted)
            .map_or('?', |(letter, _)| *letter)
    };
    let links = circle.iter().map(|link| {
        let (waiter, holder) = (letter(link.waiter), letter(link.holder));
        format!("{waiter}>{}>{holder}", link.resource)
    });
    links.collect::<Vec<_>>().join("+")
}

/// Whether an answer is what `0`, `0/element`, `0/*` or `0/~expression` want.
fn fits(wanted: &str, code: i32, element: Option<&str>) -> Told {
    let (number, pattern) = match wanted.split_once('/') {
        Some((number, pattern)) => (number, Some(pattern)),
        None => (wanted, None),
    };
    let element_fits = match (pattern, element) {
        (None, element) => element.is_none(),
        (Some(_), None) => false,
        (Some("*"), Some(_)) => true,
        (Some(pattern), Some(element)) => match pattern.strip_prefix('~') {
            None => pattern == element,
            Some(expression) => regex::Regex::new(&format!("^(?:{expression})$"))
                .map_err(|err| err.to_string())?
                .is_match(element),
        },
    };
    match number == code.to_string() && element_fits {
        true => Ok(()),
        false => {
            let name = Outcome::from_number(code).map_or("?".into(), |outcome| outcome.to_string());
            Err(format!("heard {code} ({name}), element {element:?}"))
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}
