//! Content against its digest.

use super::{Digest, ImageError};

impl Digest {
    /// Fails unless this is the digest that `found` is.
    pub(crate) fn expect(&self, found: &Self, what: &'static str) -> Result<(), ImageError> {
        if self == found {
            return Ok(());
        }
        Err(ImageError::Digest {
            what,
            expected: self.clone(),
            found: found.clone(),
        })
    }
}
