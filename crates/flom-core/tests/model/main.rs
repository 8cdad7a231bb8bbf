//! The lock manager beside a naive one that knows no trick, and beside a referee that knows only
//! the rules.
//!
//! [`naive`] does everything by scanning lists, and must say the same as the real one, word for
//! word. [`referee`] keeps no queue and decides nothing: it looks at what is said and objects.
//! [`world`] puts a history to all of them; the histories are random in [`random`], and in
//! [`small_worlds`] they are all there are of a length.

mod clock;
mod lending;
mod life;
mod naive;
mod nested;
mod nests;
mod random;
mod referee;
mod rules;
mod small_worlds;
mod watched;
mod world;
