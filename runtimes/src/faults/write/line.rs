//! The line of those who wait for room, as it has to be.

use std::{fmt, ops::AddAssign};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Room {
    pub(super) bytes: usize,
    pub(super) items: usize,
}

impl AddAssign for Room {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.items += other.items;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A task that waits, for room of its own or only for its turn.
    Task { id: usize, reserves: bool },
    /// An item of an adapter, which is accepted in its turn.
    Item,
}

#[derive(Debug)]
struct Place {
    by: By,
    need: Room,
    /// It was woken: its turn has come, and the room is its own if it is reserved.
    granted: bool,
}

impl Place {
    fn is_of(&self, task: usize) -> bool {
        matches!(self.by, By::Task { id, .. } if id == task)
    }
}

/// A task waits for room at most once at a time.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: Vec<Place>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for Place { by, need, granted } in &self.places {
            let granted = if *granted { ", granted" } else { "" };
            list.entry(&format_args!("{by:?} for {} bytes{granted}", need.bytes));
        }
        list.finish()
    }
}

impl Line {
    pub(super) fn enter(&mut self, task: usize, need: Room, reserves: bool) {
        self.places.push(Place { by: By::Task { id: task, reserves }, need, granted: false });
    }

    /// An adapter has taken an item of so many bytes, which waits by itself if it is not accepted at once.
    pub(super) fn enter_item(&mut self, len: usize) {
        self.places.push(Place { by: By::Item, need: Room { bytes: len, items: 1 }, granted: false });
    }

    /// The first of those items was accepted. Where the stream is open, it must have been its turn.
    pub(super) fn item_accepted(&mut self, open: bool) -> Result<(), String> {
        let at = self.places.iter().position(|place| place.by == By::Item);
        let Some(at) = at else { return Err("an item was accepted twice".into()) };
        let passed = self.places[..at].iter().find(|place| !place.granted);
        let result = match passed {
            Some(passed) if open => Err(format!("an item was accepted before {:?}", passed.by)),
            _ => Ok(()),
        };
        self.places.remove(at);
        result
    }

    /// Whether the task was granted its room; `None` where it is not in line.
    pub(super) fn is_granted(&self, task: usize) -> Option<bool> {
        self.places.iter().find(|place| place.is_of(task)).map(|place| place.granted)
    }

    pub(super) fn leave(&mut self, task: usize) {
        self.places.retain(|place| !place.is_of(task));
    }

    /// A task was woken. If it waits for room, then this is its turn.
    pub(super) fn woken(&mut self, task: usize) -> Result<(), String> {
        let Some(at) = self.places.iter().position(|place| place.is_of(task)) else { return Ok(()) };
        if self.places[at].granted {
            return Err(format!("task {task} was woken twice for one grant"));
        }
        // Items before it have been accepted, which shows in the stream's positions.
        self.places[..at]
            .iter_mut()
            .filter(|place| place.by == By::Item)
            .for_each(|place| place.granted = true);
        if let Some(passed) = self.places[..at].iter().find(|place| !place.granted) {
            return Err(format!("task {task} was granted room before {:?}", passed.by));
        }
        self.places[at].granted = true;
        Ok(())
    }

    /// What the first who was not granted anything yet needs.
    pub(super) fn first(&self) -> Option<Room> {
        self.places.iter().find(|place| !place.granted).map(|place| place.need)
    }

    /// Whether a task waits that was not granted anything yet.
    pub(super) fn is_waited_in(&self) -> bool {
        self.places.iter().any(|place| !place.granted && place.by != By::Item)
    }

    /// The room that is granted and not used yet.
    pub(super) fn granted(&self) -> Room {
        let mut sum = Room::default();
        let reserved = |place: &&Place| place.granted && matches!(place.by, By::Task { reserves: true, .. });
        self.places.iter().filter(reserved).for_each(|place| sum += place.need);
        sum
    }
}
