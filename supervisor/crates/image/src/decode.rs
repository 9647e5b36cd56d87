//! From the bytes of a blob to the content of a layer: gzip, zstd, or as it is. What it is, its first bytes tell; media
//! types are often wrong.

use std::io::{self, BufRead, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

/// First bytes of a gzip file (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// First bytes of a zstd frame (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The last three of the first bytes of a zstd frame that holds nothing of the content (RFC 8878, section 3.1.2); pzstd
/// begins with one.
const SKIPPABLE: [u8; 3] = [0x2a, 0x4d, 0x18];
/// A frame without content and with the smallest window.
const EMPTY_FRAME: [u8; 9] = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 1, 0, 0];

/// First bytes that tell a compression.
const MAGIC: u64 = 4;

/// A decompressor over `reader`, however few bytes that has in its buffer at a time.
pub(crate) fn decoder<'a, R>(mut reader: R) -> io::Result<Box<dyn Read + Send + 'a>>
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
        // The first frame that a decoder sees may have a window of any size, only those that follow are refused for it.
        let mut decoder = FrameDecoder::new();
        decoder
            .init(EMPTY_FRAME.as_slice())
            .map_err(io::Error::other)?;
        Box::new(Frames {
            reader,
            decoder,
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
            match self.decoder.init(&mut self.reader) {
                Ok(()) => {
                    self.place = Place::InFrame;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.reader.by_ref().take(length.into());
                    io::copy(&mut skipped, &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
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
        decoder(bytes)?.read_to_end(&mut content)?;
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
            decoder(reader).unwrap().read_to_end(&mut content).unwrap();
            assert_eq!(content, b"abc");
        }
        for bytes in ["abcdef", "ab", ""] {
            let mut content = String::new();
            let reader = BufReader::with_capacity(1, bytes.as_bytes());
            let mut plain = decoder(reader).unwrap();
            plain.read_to_string(&mut content).unwrap();
            assert_eq!(content, bytes);
        }
    }

    #[test]
    fn a_window_that_takes_gigabytes_is_refused_in_the_first_frame_too() {
        // Of 2 GiB.
        let window = 21 << 3;
        assert!(decoded(&frame(window)).is_err());
    }
}
