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

#[derive(Debug)]
struct Place {
    task: usize,
    need: Room,
    /// It was woken: the room is its own.
    granted: bool,
}

/// A task waits for room at most once at a time.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: Vec<Place>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for Place { task, need, granted } in &self.places {
            let granted = if *granted { ", granted" } else { "" };
            list.entry(&format_args!("task {task} for {} bytes{granted}", need.bytes));
        }
        list.finish()
    }
}

impl Line {
    pub(super) fn enter(&mut self, task: usize, need: Room) {
        self.places.push(Place { task, need, granted: false });
    }

    /// Whether the task was granted its room; `None` where it is not in line.
    pub(super) fn is_granted(&self, task: usize) -> Option<bool> {
        self.places.iter().find(|place| place.task == task).map(|place| place.granted)
    }

    pub(super) fn leave(&mut self, task: usize) {
        self.places.retain(|place| place.task != task);
    }

    /// A task was woken. If it waits for room, then this is its turn.
    pub(super) fn woken(&mut self, task: usize) -> Result<(), String> {
        let Some(at) = self.places.iter().position(|place| place.task == task) else { return Ok(()) };
        if self.places[at].granted {
            return Err(format!("task {task} was woken twice for one grant"));
        }
        if let Some(passed) = self.places[..at].iter().find(|place| !place.granted) {
            return Err(format!("task {task} was granted room before task {}", passed.task));
        }
        self.places[at].granted = true;
        Ok(())
    }

    /// What the first who was not granted anything yet needs.
    pub(super) fn first(&self) -> Option<Room> {
        self.places.iter().find(|place| !place.granted).map(|place| place.need)
    }

    /// The room that is granted and not used yet.
    pub(super) fn granted(&self) -> Room {
        let mut sum = Room::default();
        self.places.iter().filter(|place| place.granted).for_each(|place| sum += place.need);
        sum
    }
}
