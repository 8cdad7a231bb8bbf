//! A view as a text, made in pieces.

use std::ops::Range;
use std::sync::Arc;

use flom_core::snapshot::{Holder, Resource, Waiter};
use flom_types::ResourceName;

use crate::json::Json;
use crate::text::Text;
use crate::view::View;

/// What a text looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object (`docs/status.schema.json`).
    Json,
}

/// A view that is being written out.
///
/// ```
/// use std::sync::Arc;
/// use flom_status::{Document, Format, View};
///
/// let mut document = Document::new(Arc::new(View::default()), Format::Text, None);
/// let mut text = String::new();
/// while document.write(&mut text, 1024) {} // or do something else in between
/// assert!(text.starts_with("nothing is locked"));
/// ```
#[derive(Debug)]
pub struct Document {
    view: Arc<View>,
    shape: Shape,
    /// The only resource that is of interest.
    only: Option<ResourceName>,
    /// Which of the resources are shown.
    resources: Range<usize>,
    place: Place,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Head,
    Resource(usize),
    Holder(usize, usize),
    Waiter(usize, usize),
    Parked(usize),
    Tail,
    End,
}

#[derive(Debug)]
enum Shape {
    Text(Text),
    Json(Json),
}

/// What the parts of a view look like.
pub(crate) trait Write {
    fn head(&mut self, view: &View, only: Option<&ResourceName>, out: &mut String);
    fn resource(&mut self, view: &View, resource: &Resource, out: &mut String);
    fn holder(&mut self, view: &View, holder: &Holder, out: &mut String);
    fn waiter(&mut self, view: &View, position: usize, waiter: &Waiter, out: &mut String);
    fn parked(&mut self, view: &View, waiter: &Waiter, out: &mut String);
    fn tail(&mut self, view: &View, out: &mut String);
}

impl Document {
    /// All of `view`, or what it shows of one resource (of a path: its tree).
    pub fn new(view: Arc<View>, format: Format, only: Option<ResourceName>) -> Self {
        let resources = &view.snapshot().resources;
        let resources = match &only {
            None => 0..resources.len(),
            Some(name) => {
                let find = |resource: &Resource| resource.name.as_bytes().cmp(name.tree());
                let found = resources.binary_search_by(find);
                found.map_or(0..0, |at| at..at + 1)
            }
        };
        Self {
            view,
            shape: match format {
                Format::Text => Shape::Text(Text::default()),
                Format::Json => Shape::Json(Json::default()),
            },
            only,
            resources,
            place: Place::Head,
        }
    }

    /// Appends to `out` until it has at least `enough` bytes, or all is said; whether there is
    /// more.
    pub fn write(&mut self, out: &mut String, enough: usize) -> bool {
        while self.place != Place::End && out.len() < enough {
            self.place = self.write_next(out);
        }
        self.place != Place::End
    }

    /// Writes what comes next; what comes after that.
    fn write_next(&mut self, out: &mut String) -> Place {
        let view = &*self.view;
        let shape: &mut dyn Write = match &mut self.shape {
            Shape::Text(text) => text,
            Shape::Json(json) => json,
        };
        let resources = &view.snapshot().resources;
        match self.place {
            Place::Head => {
                shape.head(view, self.only.as_ref(), out);
                Place::Resource(self.resources.start)
            }
            Place::Resource(at) if self.resources.contains(&at) => {
                shape.resource(view, &resources[at], out);
                Place::Holder(at, 0)
            }
            Place::Resource(_) => Place::Parked(0),
            Place::Holder(at, which) => match resources[at].holders.get(which) {
                Some(holder) => {
                    shape.holder(view, holder, out);
                    Place::Holder(at, which + 1)
                }
                None => Place::Waiter(at, 0),
            },
            Place::Waiter(at, which) => match resources[at].waiters.get(which) {
                Some(waiter) => {
                    shape.waiter(view, which + 1, waiter, out);
                    Place::Waiter(at, which + 1)
                }
                None => Place::Resource(at + 1),
            },
            Place::Parked(which) => match view.snapshot().parked.get(which) {
                Some(waiter) => {
                    if self.only.as_ref().is_none_or(|only| is_of(waiter, only)) {
                        shape.parked(view, waiter, out);
                    }
                    Place::Parked(which + 1)
                }
                None => Place::Tail,
            },
            Place::Tail => {
                shape.tail(view, out);
                Place::End
            }
            Place::End => Place::End,
        }
    }
}

fn is_of(waiter: &Waiter, only: &ResourceName) -> bool {
    waiter.request.resource.tree() == only.tree()
}
