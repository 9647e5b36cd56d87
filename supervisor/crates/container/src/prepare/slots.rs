//! Which container an invocation has to itself, where several go on at once.
//!
//! Invocations that share a container would see each other's changes of its files. Each takes the lowest number that is
//! free, and the container of that number: one after the other, they all use the first.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The numbers taken.
#[derive(Debug, Clone, Default)]
pub struct Slots(Arc<Mutex<BTreeSet<usize>>>);

/// A number that is nobody else's until this is dropped.
#[derive(Debug)]
pub struct Slot {
    number: usize,
    slots: Slots,
}

impl Slots {
    /// Takes the lowest number that is free.
    pub fn take(&self) -> Slot {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut number = 0;
        while !taken.insert(number) {
            number += 1;
        }
        Slot {
            number,
            slots: self.clone(),
        }
    }
}

impl Slot {
    /// The container's name, given that of the first.
    pub fn name(&self, first: &str) -> String {
        match self.number {
            0 => first.to_owned(),
            number => format!("{first}-{number}"),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let taken = self.slots.0.lock();
        taken
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_taken_and_given_back() {
        let slots = Slots::default();
        let (first, second) = (slots.take(), slots.take());
        assert_eq!(
            (first.name("c"), second.name("c")),
            ("c".into(), "c-1".into())
        );
        drop(first);
        let (third, fourth) = (slots.take(), slots.take());
        assert_eq!(
            (third.name("c"), fourth.name("c")),
            ("c".into(), "c-2".into())
        );
    }
}
