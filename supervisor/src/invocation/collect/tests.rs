//! One file, several, several records, and too much.

use super::*;

fn collected(limit: usize, records: &[&[(&str, &[u8])]]) -> Option<Files> {
    let mut collector = Collector::new(limit);
    for (index, files) in records.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in *files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let folder = (records.len() > 1).then(|| (index + 1).to_string());
        collector = collector.add(dir.path(), folder.as_deref()).unwrap();
    }
    collector.finish()
}

fn unpacked(files: Option<Files>) -> Vec<(String, Vec<u8>)> {
    let Some(Files::Archive(bytes)) = files else {
        panic!("{files:?}")
    };
    let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
    let mut contents = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        contents.push((file.name().unwrap().into_owned(), content));
    }
    contents
}

#[test]
fn one_file_is_itself_and_several_are_an_archive() {
    assert_eq!(collected(100, &[&[]]), None);
    let one = Files::One {
        content_type: "image/png".to_owned(),
        bytes: b"picture".to_vec(),
    };
    assert_eq!(collected(100, &[&[("a/b.png", b"picture")]]), Some(one));
    let two = unpacked(collected(1000, &[&[("b", b"2"), ("a/x", b"1")]]));
    assert_eq!(
        two,
        [
            ("a/x".to_owned(), b"1".to_vec()),
            ("b".to_owned(), b"2".to_vec())
        ]
    );
    let records = unpacked(collected(1000, &[&[("x", b"1")], &[], &[("x", b"3")]]));
    assert_eq!(
        records,
        [
            ("1/x".to_owned(), b"1".to_vec()),
            ("3/x".to_owned(), b"3".to_vec())
        ]
    );
}

#[test]
fn the_limit_holds_for_what_the_answer_carries() {
    let too_large = |files, bytes| Some(Files::TooLarge { files, bytes });
    assert_eq!(collected(10, &[&[("a", &[0; 11])]]), too_large(1, 11));
    assert!(matches!(
        collected(10, &[&[("a", &[0; 10])]]),
        Some(Files::One { .. })
    ));
    // Zeros shrink: more than the limit before, less after.
    assert_eq!(
        unpacked(collected(1000, &[&[("a", &[0; 3000]), ("b", &[0; 2000])]])).len(),
        2
    );
    let noise: Vec<u8> = (0..3000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    assert_eq!(
        collected(1000, &[&[("a", &noise), ("b", b"1")]]),
        too_large(2, 3001)
    );
    assert_eq!(
        collected(1000, &[&[("a", &[0; 9000]), ("b", b"1")]]),
        too_large(2, 9001)
    );
    assert_eq!(
        collected(10, &[&[("a", &[0; 11])], &[("b", b"1")]]),
        too_large(2, 12)
    );
}

#[test]
fn links_out_of_the_directory_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc/hostname", dir.path().join("link")).unwrap();
    assert_eq!(
        Collector::new(100).add(dir.path(), None).unwrap().finish(),
        None
    );
}
