//! What precedes a tar header and adds to it: pax records and GNU long names.

use std::str::from_utf8;

use super::{LayerError, member::Stretch};

/// Additions to the next header.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) name: Option<Vec<u8>>,
    pub(crate) link: Option<Vec<u8>>,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<i64>,
    /// Size of a sparse file when unpacked.
    pub(crate) sparse_size: Option<u64>,
    /// Its stretches, where the records have them.
    pub(crate) stretches: Option<Vec<Stretch>>,
    /// The offset of a stretch whose length comes in the next record (sparse format 0.0).
    offset: u64,
}

impl Extensions {
    /// Takes the records of a pax header: `<length of the record> <key>=<value>\n`.
    pub(crate) fn add_pax(&mut self, mut records: &[u8]) -> Result<(), LayerError> {
        while !records.is_empty() {
            let (key, value, rest) =
                record(records).ok_or_else(|| LayerError::malformed("an extended header"))?;
            self.take(key, value)?;
            records = rest;
        }
        Ok(())
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), LayerError> {
        match key {
            // The real name of a sparse file; `path` is one for readers that do not know them.
            b"GNU.sparse.name" => self.name = Some(value.to_vec()),
            b"path" if self.sparse_size.is_none() || self.name.is_none() => {
                self.name = Some(value.to_vec());
            }
            b"linkpath" => self.link = Some(value.to_vec()),
            b"size" => self.size = Some(number(value)?),
            b"mtime" => self.modified = whole_seconds(value),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse_size = Some(number(value)?),
            b"GNU.sparse.map" => self.stretches = Some(listed(value)?),
            b"GNU.sparse.offset" => self.offset = number(value)?,
            b"GNU.sparse.numbytes" => {
                let (offset, length) = (self.offset, number(value)?);
                let stretches = self.stretches.get_or_insert_default();
                stretches.push(Stretch { offset, length });
            }
            _ => {}
        }
        Ok(())
    }
}

type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Key and value of the first record, and what follows it.
fn record(records: &[u8]) -> Option<Record<'_>> {
    let space = records.iter().position(|&byte| byte == b' ')?;
    let length: usize = from_utf8(&records[..space]).ok()?.parse().ok()?;
    let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &records[length..]))
}

fn number(text: &[u8]) -> Result<u64, LayerError> {
    let number = from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| LayerError::malformed("a number in an extended header"))
}

/// A time may have a fraction, which is dropped.
fn whole_seconds(text: &[u8]) -> Option<i64> {
    let text = from_utf8(text).ok()?;
    text.split('.').next()?.parse().ok()
}

/// Sparse format 0.1: `offset,length,offset,length…`.
fn listed(value: &[u8]) -> Result<Vec<Stretch>, LayerError> {
    let numbers = value.split(|&byte| byte == b',').map(number);
    pairs(&numbers.collect::<Result<Vec<_>, _>>()?)
}

/// Sparse format 1.0: lines with the number of stretches, then offset and length of each; none yet if more of the map
/// is to come.
pub(crate) fn sparse_map(map: &[u8], most: usize) -> Result<Option<Vec<Stretch>>, LayerError> {
    let mut lines = map.split_inclusive(|&byte| byte == b'\n');
    let mut next = || lines.next()?.strip_suffix(b"\n");
    let Some(count) = next() else {
        return Ok(None);
    };
    let count = number(count)?;
    if count > most as u64 {
        return Err(LayerError::malformed("a sparse file in too many pieces"));
    }
    let mut numbers = Vec::new();
    for _ in 0..count * 2 {
        let Some(line) = next() else {
            return Ok(None);
        };
        numbers.push(number(line)?);
    }
    pairs(&numbers).map(Some)
}

fn pairs(numbers: &[u64]) -> Result<Vec<Stretch>, LayerError> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(LayerError::malformed("a sparse file's map"));
    }
    let stretch = |&[offset, length]: &[u64; 2]| Stretch { offset, length };
    Ok(pairs.iter().map(stretch).collect())
}
