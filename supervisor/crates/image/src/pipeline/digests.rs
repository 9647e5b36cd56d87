//! The digests of the contents of layers, made by whichever thread has time.
//!
//! Content is hashed in order, but not always by the same thread: the unpacking one hashes what it takes, unless the
//! reading one has done so while there was no room for more. Large files keep the latter busy, small ones the former.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::super::{Digest, digest::Hash};

/// What goes from the reading thread to the unpacking one.
#[derive(Clone)]
pub(super) enum Message {
    Content(Arc<Vec<u8>>),
    LayerEnds,
}

/// The digests in the making, which both threads have.
#[derive(Default)]
pub(super) struct Digests {
    /// What is not hashed yet, in order; locked for moments only.
    waiting: Mutex<VecDeque<Message>>,
    /// Locked while something is hashed.
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    hash: Hash,
    /// Messages that have been looked at.
    messages: u64,
    /// Of layers that have ended and that nobody has asked for.
    digests: VecDeque<Digest>,
}

impl Digests {
    /// Notes that `message` is to be hashed after all before it.
    pub(super) fn add(&self, message: Message) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(message);
    }

    /// Hashes a piece; false when there is none, or the other thread is about it.
    pub(super) fn help(&self) -> bool {
        let made = self.made.try_lock();
        made.is_ok_and(|mut made| made.next(&self.waiting))
    }

    /// Sees to it that the first `messages` are hashed.
    pub(super) fn up_to(&self, messages: u64) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        while made.messages < messages && made.next(&self.waiting) {}
    }

    /// The digest of the first layer that has not been asked for, if its end has been looked at.
    pub(super) fn next(&self) -> Option<Digest> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.digests.pop_front()
    }
}

impl Made {
    fn next(&mut self, waiting: &Mutex<VecDeque<Message>>) -> bool {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(message) = waiting.pop_front() else {
            return false;
        };
        drop(waiting);
        match message {
            Message::Content(piece) => self.hash.update(&piece),
            Message::LayerEnds => {
                let digest = std::mem::take(&mut self.hash).finish();
                self.digests.push_back(digest);
            }
        }
        self.messages += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests_of(layers: &[&[&str]]) -> Digests {
        let digests = Digests::default();
        for layer in layers {
            for piece in *layer {
                digests.add(Message::Content(Arc::new(piece.as_bytes().to_vec())));
            }
            digests.add(Message::LayerEnds);
        }
        digests
    }

    #[test]
    fn layers_are_told_apart_whoever_hashes_them() {
        // Three messages of one layer, two of the other.
        for helped in 0..=5 {
            let digests = digests_of(&[&["one", "two"], &["three"]]);
            for _ in 0..helped {
                assert!(digests.help());
            }
            digests.up_to(3);
            assert_eq!(digests.next(), Some(Digest::of(b"onetwo")));
            digests.up_to(5);
            assert_eq!(digests.next(), Some(Digest::of(b"three")));
            assert!(!digests.help());
        }
    }

    #[test]
    fn a_layer_has_no_digest_before_its_end() {
        let digests = digests_of(&[&["one"]]);
        digests.up_to(1);
        assert_eq!(digests.next(), None);
    }
}
