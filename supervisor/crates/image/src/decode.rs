//! From the bytes of a blob to the content of a layer: gzip, zstd, or as it is. The first bytes show which; media types are
//! often wrong.

mod frame;

use std::io::{self, BufRead, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use self::frame::{Header, LARGEST_HEADER, read_header};
pub(crate) use self::frame::{LARGEST_WINDOW, USUAL_WINDOW};

/// First bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// First bytes of a zstd frame (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The last three of the first bytes of a zstd frame that holds nothing of the content (RFC 8878, section 3.1.2); pzstd
/// begins with one.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// First bytes that tell a compression.
const MAGIC: u64 = 4;

/// A decompressor over `reader`, however few bytes that has in its buffer at a time. It refuses zstd frames whose window is
/// larger than `window` bytes.
pub(crate) fn decoder<'a, R>(mut reader: R, window: u64) -> io::Result<Box<dyn Read + Send + 'a>>
where
    R: BufRead + Send + 'a,
{
    let mut start = Vec::new();
    reader.by_ref().take(MAGIC).read_to_end(&mut start)?;
    let (is_gzip, is_zstd) = (start.starts_with(&GZIP), is_zstd(&start));
    let reader = Cursor::new(start).chain(reader);
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(reader))
    } else if is_zstd {
        Box::new(Frames {
            reader,
            window,
            decoder: FrameDecoder::new(),
            place: Place::Between,
        })
    } else {
        Box::new(reader)
    })
}

fn is_zstd(start: &[u8]) -> bool {
    let skippable = matches!(start, [0x50..=0x5f, rest @ ..] if rest.starts_with(&SKIPPABLE));
    skippable || start.starts_with(&ZSTD)
}

/// All frames of a zstd file, one after the other; skippable ones are skipped.
struct Frames<R> {
    reader: R,
    /// Largest window, in bytes.
    window: u64,
    decoder: FrameDecoder,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Between,
    InFrame,
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.place == Place::Between && !self.begin()? {
                return Ok(0);
            }
            while self.decoder.can_collect() < buffer.len() && !self.decoder.is_finished() {
                let wanted = buffer.len() - self.decoder.can_collect();
                self.decoder
                    .decode_blocks(&mut self.reader, BlockDecodingStrategy::UptoBytes(wanted))
                    .map_err(io::Error::other)?;
            }
            let bytes = self.decoder.read(buffer)?;
            if bytes > 0 {
                return Ok(bytes);
            }
            self.place = Place::Between;
        }
    }
}

impl<R: BufRead> Frames<R> {
    /// Begins the next frame, if there is one.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.reader.fill_buf()?.is_empty() {
            let mut bytes = Vec::with_capacity(LARGEST_HEADER);
            match read_header(&mut self.reader, &mut bytes)? {
                Header::Frame { window } if window > self.window => {
                    return Err(io::Error::other(format!(
                        "a zstd frame has a window of {window} bytes, at most {} can be used; compress it with a lower level",
                        self.window
                    )));
                }
                Header::Frame { .. } => {
                    self.decoder.init(&bytes[..]).map_err(io::Error::other)?;
                    self.place = Place::InFrame;
                    return Ok(true);
                }
                Header::Skippable { length } => {
                    let mut skipped = self.reader.by_ref().take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Write as _};

    use super::*;

    /// A frame with this window descriptor, of one block with three bytes.
    fn frame(window: u8) -> Vec<u8> {
        let mut frame = ZSTD.to_vec();
        frame.extend([0, window, 0b0001_1001, 0, 0]);
        frame.extend(b"abc");
        frame
    }

    fn decoded(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        decoder(bytes, LARGEST_WINDOW)?.read_to_end(&mut content)?;
        Ok(content)
    }

    #[test]
    fn frames_are_read_one_after_the_other_and_skippable_ones_are_skipped() {
        let skippable = [0x53, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9];
        let whole = [&skippable[..], &frame(0), &skippable, &frame(0)].concat();
        assert_eq!(decoded(&whole).unwrap(), b"abcabc");
    }

    #[test]
    fn a_compression_is_known_however_few_bytes_come_at_a_time() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"abc").unwrap();
        let skippable = [0x53, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9];
        let compressed = [
            gzip.finish().unwrap(),
            frame(0),
            [&skippable[..], &frame(0)].concat(),
        ];
        for bytes in compressed {
            let mut content = Vec::new();
            let reader = BufReader::with_capacity(1, &bytes[..]);
            decoder(reader, LARGEST_WINDOW)
                .unwrap()
                .read_to_end(&mut content)
                .unwrap();
            assert_eq!(content, b"abc");
        }
        for bytes in ["abcdef", "ab", ""] {
            let mut content = String::new();
            let reader = BufReader::with_capacity(1, bytes.as_bytes());
            let mut plain = decoder(reader, LARGEST_WINDOW).unwrap();
            plain.read_to_string(&mut content).unwrap();
            assert_eq!(content, bytes);
        }
    }

    #[test]
    fn a_large_window_is_refused_in_the_first_frame_and_in_the_second() {
        // Of 32 MiB, one step more, and 2 GiB.
        let (largest, more, gigabytes) = (15 << 3, (15 << 3) + 1, 21 << 3);
        assert_eq!(decoded(&frame(largest)).unwrap(), b"abc");
        for window in [more, gigabytes] {
            for bytes in [frame(window), [frame(0), frame(window)].concat()] {
                let message = decoded(&bytes).unwrap_err().to_string();
                assert!(message.contains("33554432"), "{message}");
            }
        }
    }
}
