//! What clients do: ask, wait, give up, ask again, hold, give back, talk nonsense.

use flom_core::Request;
use flom_proto::{Answer, AnswerStep, Decoder, Message};
use flom_types::{LockMode, Outcome, ResourceName, SessionId};

use crate::pipe::Piece;
use crate::random::Random;
use crate::words;

/// What clients ask for.
#[derive(Debug)]
pub(crate) struct Wishes {
    pub(crate) names: Vec<ResourceName>,
    /// How long resources are kept at most, in ms; `None`: as long as the simulation goes.
    pub(crate) lifespan_ms: Option<u64>,
    /// Nobody begins anything new, and whoever waits has all the time in the world.
    pub(crate) calm: bool,
}

/// Resources are kept so long, in ms, if they are to be kept.
const FOR_EVER_MS: u64 = 3_600_000;

/// In calm, who waits for a resource to be created gives up after this time, in µs.
const PARKED_US: u64 = 5_000_000;

/// Those that many use, and all others.
const MODES: [LockMode; 10] = [
    LockMode::Exclusive,
    LockMode::Exclusive,
    LockMode::ProtectedRead,
    LockMode::ProtectedRead,
    LockMode::ProtectedRead,
    LockMode::ProtectedWrite,
    LockMode::ConcurrentRead,
    LockMode::ConcurrentRead,
    LockMode::ConcurrentWrite,
    LockMode::NullLock,
];

/// A program that locks.
#[derive(Debug)]
pub(crate) struct Client {
    state: State,
    pub(crate) link: Option<SessionId>,
    decoder: Decoder,
    /// When it does something of its own accord, in µs.
    pub(crate) wakes: Option<u64>,
    /// It has said something after which the daemon may close the connection.
    excused: bool,
    /// It has given up, and does not mind what is still said about it.
    skips: bool,
}

#[derive(Debug)]
enum State {
    Idle,
    /// No answer yet; `stale`: and maybe an answer to the request before is still on its way.
    Asked {
        request: Request,
        stale: bool,
    },
    Waiting {
        request: Request,
        parked: bool,
    },
    Holding {
        request: Request,
    },
}

/// What a client does to others.
#[derive(Debug)]
pub(crate) enum Move {
    Connect,
    Say(Vec<u8>),
    /// From now on it counts on its lock.
    Hold(Request, Option<String>),
    /// From now on it does not any more.
    LetGo,
    HangUp,
}

type Moves = Result<Vec<Move>, String>;

impl Client {
    pub(crate) fn new(wakes: u64) -> Self {
        Self {
            state: State::Idle,
            link: None,
            decoder: Decoder::new(),
            wakes: Some(wakes),
            excused: false,
            skips: false,
        }
    }

    /// Whether nothing can come of it any more in calm.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Idle) && self.link.is_none()
    }

    /// It is no more; another begins in its place.
    pub(crate) fn die(&mut self, now: u64, random: &mut Random) {
        *self = Self::new(now + random.below(500_000));
    }

    /// It does what is due.
    pub(crate) fn act(&mut self, now: u64, wishes: &Wishes, random: &mut Random) -> Vec<Move> {
        self.wakes = None;
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Idle if wishes.calm => self.hang_up(),
            State::Idle => {
                let mut moves = Vec::new();
                if self.link.is_none() {
                    self.decoder = Decoder::new();
                    self.excused = false;
                    self.skips = false;
                    moves.push(Move::Connect);
                }
                moves.push(match random.below(500) {
                    0 => self.order_end(now, random),
                    1..10 => self.talk_nonsense(now, random),
                    _ => self.ask(wishes, random),
                });
                moves
            }
            state @ State::Asked { .. } => {
                self.state = state;
                Vec::new()
            }
            State::Waiting { request, parked } => match random.below(4) {
                0 if !wishes.calm => vec![self.ask_again(wishes, random)],
                1 if !wishes.calm => {
                    self.skips = true;
                    self.excused = true;
                    self.pause(now, random);
                    vec![Move::Say(words::unlock(&request, random))]
                }
                2 | 3 if !wishes.calm => self.hang_up_and_rest(now, random),
                _ if parked => self.hang_up_and_rest(now, random),
                _ => {
                    self.state = State::Waiting { request, parked };
                    Vec::new()
                }
            },
            State::Holding { request } => {
                let mut moves = vec![Move::LetGo];
                let (unlocks, hangs_up) = (random.percent(75), random.percent(50));
                if unlocks {
                    moves.push(Move::Say(words::unlock(&request, random)));
                }
                match hangs_up || !unlocks {
                    true => moves.extend(self.hang_up_and_rest(now, random)),
                    false => self.pause(now, random),
                }
                moves
            }
        }
    }

    /// Nothing new begins from now on; who waits, waits on.
    pub(crate) fn calm_down(&mut self, now: u64) {
        self.wakes = match &self.state {
            State::Idle => Some(now),
            State::Asked { .. } | State::Waiting { parked: false, .. } => None,
            State::Waiting { parked: true, .. } => Some(now + PARKED_US),
            State::Holding { .. } => self.wakes,
        };
    }

    /// It reads what has come.
    pub(crate) fn hear(
        &mut self,
        now: u64,
        piece: &Piece,
        calm: bool,
        random: &mut Random,
    ) -> Moves {
        let mut moves = Vec::new();
        self.decoder.feed(&piece.bytes);
        while let Some(message) = self
            .decoder
            .next_message()
            .map_err(|error| format!("cannot read the daemon: {error}"))?
        {
            match message {
                Message::Answer(answer) => moves.extend(self.take(now, answer, calm, random)?),
                other => return Err(format!("the daemon says {other:?}")),
            }
            if self.link.is_none() {
                return Ok(moves);
            }
        }
        if piece.ends {
            moves.extend(self.be_left(now, random)?);
        }
        Ok(moves)
    }

    fn take(&mut self, now: u64, answer: Answer, calm: bool, random: &mut Random) -> Moves {
        let Answer {
            step, rc, element, ..
        } = answer;
        let is_first = step == AnswerStep::First;
        if self.skips && !is_first {
            return Ok(Vec::new());
        }
        let outcome = Outcome::from_number(rc).ok_or(format!("code {rc}"))?;
        if is_first {
            self.excused = matches!(outcome, Outcome::Refused | Outcome::InvalidName);
            self.skips = false;
        }
        let state = std::mem::replace(&mut self.state, State::Idle);
        let unexpected = format!("{step:?} answer {outcome} to one who is {state:?}");
        match (state, outcome) {
            (State::Asked { request, .. }, Outcome::Granted) if is_first => {
                self.hold(now, request, element, random)
            }
            (State::Asked { request, .. }, Outcome::Queued | Outcome::Parked)
                if is_first && request.wait =>
            {
                self.wait(now, request, outcome == Outcome::Parked, calm, random);
                Ok(Vec::new())
            }
            (State::Asked { .. }, outcome) if is_first && !outcome.is_waiting() => {
                self.pause(now, random);
                Ok(Vec::new())
            }
            (State::Asked { stale: true, .. }, Outcome::Granted) => {
                // The lock that it had given up: it has it, and does not want it.
                Ok(self.hang_up_and_rest(now, random))
            }
            (state @ State::Asked { stale: true, .. }, _) if !is_first => {
                self.excused |= outcome == Outcome::Refused;
                self.state = state;
                Ok(Vec::new())
            }
            (State::Waiting { request, .. }, Outcome::Granted) if step == AnswerStep::Later => {
                self.hold(now, request, element, random)
            }
            (
                State::Waiting {
                    request,
                    parked: true,
                },
                Outcome::Queued,
            ) if step == AnswerStep::Later => {
                self.wait(now, request, false, calm, random);
                Ok(Vec::new())
            }
            (State::Waiting { parked: true, .. }, Outcome::Impossible | Outcome::Refused)
                if !is_first =>
            {
                self.excused |= step == AnswerStep::Last;
                self.pause(now, random);
                Ok(Vec::new())
            }
            _ => Err(unexpected),
        }
    }

    fn hold(
        &mut self,
        now: u64,
        request: Request,
        element: Option<String>,
        random: &mut Random,
    ) -> Moves {
        self.wakes = Some(now + random.below(200_000));
        self.state = State::Holding {
            request: request.clone(),
        };
        Ok(vec![Move::Hold(request, element)])
    }

    fn wait(&mut self, now: u64, request: Request, parked: bool, calm: bool, random: &mut Random) {
        self.wakes = match (calm, parked) {
            (true, false) => None,
            (true, true) => Some(now + PARKED_US),
            (false, _) => random.percent(60).then(|| now + random.below(1_500_000)),
        };
        self.state = State::Waiting { request, parked };
    }

    /// The daemon has ended the connection.
    fn be_left(&mut self, now: u64, random: &mut Random) -> Moves {
        let state = std::mem::replace(&mut self.state, State::Idle);
        match state {
            State::Holding { request } => Err(format!("lost its lock of {request:?}")),
            State::Asked { request, .. } | State::Waiting { request, .. } if !self.excused => {
                Err(format!("left alone with {request:?}"))
            }
            _ => Ok(self.hang_up_and_rest(now, random)),
        }
    }

    fn ask(&mut self, wishes: &Wishes, random: &mut Random) -> Move {
        let resource = random.pick(&wishes.names).clone();
        let lifespan_ms = match wishes.lifespan_ms {
            None => FOR_EVER_MS,
            Some(limit) => random.below(limit),
        };
        let request = Request {
            mode: *random.pick(&MODES),
            quantity: u32::try_from(1 + random.below(4)).expect("it is small"),
            wait: random.percent(80),
            create: random.percent(85),
            idle_lifespan_ms: lifespan_ms,
            resource,
        };
        let bytes = words::lock(&request, random);
        self.state = State::Asked {
            request,
            stale: false,
        };
        Move::Say(bytes)
    }

    /// Asks for something else although it may be granted, just now, what it waits for.
    fn ask_again(&mut self, wishes: &Wishes, random: &mut Random) -> Move {
        self.excused = true;
        let said = self.ask(wishes, random);
        if let State::Asked { stale, .. } = &mut self.state {
            *stale = true;
        }
        said
    }

    fn order_end(&mut self, now: u64, random: &mut Random) -> Move {
        self.excused = true;
        self.pause(now, random);
        Move::Say(words::order_end(random))
    }

    fn talk_nonsense(&mut self, now: u64, random: &mut Random) -> Move {
        self.excused = true;
        self.pause(now, random);
        Move::Say(words::nonsense(random))
    }

    fn hang_up(&mut self) -> Vec<Move> {
        self.state = State::Idle;
        Vec::from_iter(self.link.take().map(|_| Move::HangUp))
    }

    fn hang_up_and_rest(&mut self, now: u64, random: &mut Random) -> Vec<Move> {
        self.pause(now, random);
        self.hang_up()
    }

    fn pause(&mut self, now: u64, random: &mut Random) {
        self.wakes = Some(now + random.below(200_000));
    }
}
