//! Maps of sparse files: which stretches of a file are in the archive (tar manual of GNU tar, "Storing Sparse Files").

use std::io::BufRead;

use tar::{GnuExtSparseHeader, Header};

use super::{
    super::{
        LayerError,
        extensions::sparse_map,
        member::{Member, Stretch},
    },
    BLOCK, TarStream, malformed,
};

/// Most stretches of one sparse file.
const MOST_STRETCHES: usize = 65_536;

impl<R: BufRead> TarStream<R> {
    /// Old GNU sparse files have their map in the header, and in blocks after it.
    pub(super) fn old_sparse(
        &mut self,
        header: &Header,
    ) -> Result<(u64, Vec<Stretch>), LayerError> {
        let Some(gnu) = header.as_gnu() else {
            return Err(LayerError::malformed("a sparse file without a map"));
        };
        let mut stretches = Vec::new();
        for entry in gnu.sparse.iter().filter(|entry| !entry.is_empty()) {
            stretches.push(stretch(entry)?);
        }
        let size = gnu.real_size().map_err(malformed)?;
        let mut more = gnu.is_extended();
        while more {
            let mut block = GnuExtSparseHeader::new();
            self.reader
                .read_exact(block.as_mut_bytes())
                .map_err(LayerError::Read)?;
            self.position += BLOCK as u64;
            for entry in block.sparse().iter().filter(|entry| !entry.is_empty()) {
                stretches.push(stretch(entry)?);
            }
            if stretches.len() > MOST_STRETCHES {
                return Err(LayerError::malformed("a sparse file in too many pieces"));
            }
            more = block.is_extended();
        }
        Ok((size, stretches))
    }

    /// Sparse format 1.0 has its map before the content, padded to whole blocks.
    pub(super) fn map_in_content(&mut self) -> Result<Vec<Stretch>, LayerError> {
        let mut map = Vec::new();
        loop {
            let mut block = [0; BLOCK];
            let fits = self.content >= BLOCK as u64 && map.len() < MOST_STRETCHES * 16;
            if !fits {
                return Err(LayerError::malformed("a sparse file without a map"));
            }
            self.reader
                .read_exact(&mut block)
                .map_err(LayerError::Read)?;
            self.content -= BLOCK as u64;
            self.position += BLOCK as u64;
            map.extend_from_slice(&block);
            if let Some(stretches) = sparse_map(&map, MOST_STRETCHES)? {
                return Ok(stretches);
            }
        }
    }
}

/// Stretches must follow each other inside the file and take all that is stored.
pub(super) fn check_stretches(member: &Member) -> Result<(), LayerError> {
    let Some(stretches) = &member.stretches else {
        return Ok(());
    };
    if stretches.len() > MOST_STRETCHES {
        return Err(LayerError::malformed("a sparse file in too many pieces"));
    }
    let (mut end, mut stored) = (0_u64, 0_u64);
    for stretch in stretches {
        let next = stretch.offset.checked_add(stretch.length);
        match next {
            Some(next) if stretch.offset >= end && next <= member.size => end = next,
            _ => return Err(LayerError::malformed("a sparse file whose pieces overlap")),
        }
        stored += stretch.length;
    }
    if stored == member.stored {
        Ok(())
    } else {
        Err(LayerError::malformed(
            "a sparse file whose pieces do not fit",
        ))
    }
}

fn stretch(entry: &tar::GnuSparseHeader) -> Result<Stretch, LayerError> {
    Ok(Stretch {
        offset: entry.offset().map_err(malformed)?,
        length: entry.length().map_err(malformed)?,
    })
}
