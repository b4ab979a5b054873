//! What tests of both codecs need.

use std::fmt::Debug;
use std::path::Path;

use bytes::BytesMut;
use tokio_util::codec::Decoder;

/// All that is in the bytes, which come in these pieces and then end.
pub fn decode_in<D: Decoder<Error: Debug>>(pieces: &[&[u8]], mut codec: D) -> Vec<D::Item> {
    let mut buffer = BytesMut::new();
    let mut found = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        found.extend(std::iter::from_fn(|| codec.decode(&mut buffer).unwrap()));
    }
    found.extend(std::iter::from_fn(|| codec.decode_eof(&mut buffer).unwrap()));
    assert!(buffer.is_empty());
    found
}

/// The recorded connections of a folder, by name.
pub fn recordings(folder: &str, ending: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|its| its == ending))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() > 20, "the recordings are gone");
    files
}
