//! The reading thread: from where the bytes of layers are to their content, checked and decompressed.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    super::{ImageError, decode::decoder, interrupt::Interrupt, unpack::LayerError},
    Blob, Keeping, Layer, Opened, Source,
    hashing_reader::{HashingReader, Passed},
    pieces::Outlet,
};

/// What a layer may always unpack to, in bytes.
const ALLOWANCE: u64 = 64 * 1024 * 1024;
/// What it may unpack to beyond that, in times its size: more than any program or data set, less than a file made to
/// fill a disk (gzip reaches 1,032, zstd more).
const RATIO: u64 = 100;

/// The error is none where the other thread has stopped.
pub(super) fn read_all(
    layers: &[Layer],
    source: &mut dyn Source,
    keeping: &Keeping,
    interrupt: &Interrupt,
    outlet: &Outlet,
) -> Result<Vec<Blob>, Option<ImageError>> {
    let mut blobs = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let read = read_layer(layer, source.open(index)?, keeping, interrupt, outlet);
        let passed = read.map_err(|error| match error {
            Some(_) if interrupt.is_set() => Some(ImageError::Interrupted),
            Some(error) => Some(source.failure().unwrap_or(error)),
            None => None,
        })?;
        blobs.push(passed.finish_reading(source.digest(), layer.digest.as_ref())?);
        outlet.end_layer()?;
    }
    Ok(blobs)
}

fn read_layer(
    layer: &Layer,
    opened: Opened<'_>,
    keeping: &Keeping,
    interrupt: &Interrupt,
    outlet: &Outlet,
) -> Result<Passed, Option<ImageError>> {
    let failed = |source| layer.failed(LayerError::Read(source));
    let taken = Arc::new(AtomicU64::new(0));
    let mut tap = HashingReader::new(opened, Arc::clone(&taken), keeping, interrupt)?;
    let mut content = decoder(&mut tap, layer.window).map_err(failed)?;
    let mut total = 0_u64;
    loop {
        // A few compressed bytes can become gigabytes without another read.
        interrupt.check().map_err(failed)?;
        let piece = outlet.fill(&mut content).map_err(failed)?;
        if piece.is_empty() {
            break;
        }
        total += piece.len() as u64;
        if total > ALLOWANCE + RATIO * taken.load(Ordering::Relaxed) {
            let layer = layer.label.clone();
            return Err(Some(ImageError::Expansion {
                layer,
                ratio: RATIO,
            }));
        }
        outlet.send(piece)?;
    }
    drop(content);
    // Whatever follows the compressed data counts for the digest.
    io::copy(&mut tap, &mut io::sink()).map_err(failed)?;
    Ok(tap.passed())
}
